"""Refuse experiments with too many arms, stacks, requests or seconds, before anything is built."""

import math
from collections.abc import Iterator, Sequence

from harness.experiment.cost import nominal_cost
from harness.experiment.document import Document
from harness.experiment.lengths import timed_requests, visit_lengths
from harness.experiment.runs import MOST_FACTORS
from harness.experiment.screens import FEWEST_FACTORS, TWO_LEVELS, split_factors
from harness.experiment.sharing import stacks_of
from harness.model import Design, Experiment
from harness.model.experiment import MOST_SECONDS

MOST_ARMS = 256
MOST_STACKS = 64  # each is an nginx and a gunicorn, all running at the same time
MOST_VISITED = 20_000_000  # requests of a session: their times are kept in memory


def arm_count(document: Document, design: Design) -> int:
    """Return the number of arms of the tables, without making them."""
    if not design.screen:
        return max(len(document.arms), 1) * math.prod(map(len, document.factors.values()))
    screened, compared = split_factors(document, design)
    runs = _runs(design.screen, list(map(len, screened.values())))
    return runs * math.prod(map(len, compared.values()))


def count_problems(document: Document, design: Design) -> Iterator[str]:
    """Yield a sentence if there are too many arms, with smaller alternatives."""
    count = arm_count(document, design)
    if count > MOST_ARMS:
        source = f"{len(document.factors)} factors" if document.factors else "[arms.*]"
        yield f"{source} make {count} arms; a run has at most {MOST_ARMS}. {_instead(document, design)}"


def effort_problems(experiment: Experiment) -> Iterator[str]:
    """Yield a sentence for each limit that is exceeded: stacks, requests of a session, seconds."""
    stacks = len(stacks_of(experiment))
    if stacks > MOST_STACKS:
        yield (
            f"The arms need {stacks} stacks at the same time; a run has at most {MOST_STACKS}. Let arms share "
            'processes (processes = "shared"), or leave out levels of process settings.'
        )
    design, (settle, burst) = experiment.design, visit_lengths(experiment)
    visits = (settle + timed_requests(arm.settings, burst) for arm in experiment.arms)
    requests = (design.rounds or 1) * sum(visits)
    if requests > MOST_VISITED:
        yield (
            f"design.rounds and design.burst make {requests} requests per session; the limit is {MOST_VISITED}. Set "
            "more design.sessions with fewer design.rounds."
        )
    least_s = (design.sessions or 1) * (design.rounds or 1) * nominal_cost(experiment).round_s
    if least_s > MOST_SECONDS:
        yield (
            f"design.sessions and design.rounds make visits of about {least_s:.0f} s; the limit is "
            f"{MOST_SECONDS} s. Leave one of them out, and design.budget_s decides."
        )


def _instead(document: Document, design: Design) -> str:
    screens = {} if document.arms or not document.factors else dict(_fitting_screens(document, design))
    if not screens:
        return "Leave out levels, factors or arms."
    listed = " or ".join(f'"{name}" ({count} arms)' for name, count in screens.items())
    return f"Choose design.screen = {listed}, or leave out levels."


def _fitting_screens(document: Document, design: Design) -> Iterator[tuple[str, int]]:
    screened, compared = split_factors(document, design)
    levels = list(map(len, screened.values()))
    for screen, fewest in FEWEST_FACTORS.items():
        allowed = (max(levels, default=0) <= 2 and len(levels) <= MOST_FACTORS) or screen not in TWO_LEVELS
        if screen == design.screen or len(levels) < fewest or not allowed:
            continue
        count = _runs(screen, levels) * math.prod(map(len, compared.values()))
        if count <= MOST_ARMS:
            yield screen, count


def _runs(screen: str, levels: Sequence[int]) -> int:
    match screen:
        case "one-at-a-time":
            return 1 + sum(level - 1 for level in levels)
        case "plackett-burman":
            return _plackett_burman(len(levels))
        case "resolution-iv":
            return 2 * _plackett_burman(len(levels) - 1)
    return math.prod(levels)


def _plackett_burman(factors: int) -> int:
    """Return the number of runs: the next multiple of 4."""
    return 4 * (factors // 4 + 1)
