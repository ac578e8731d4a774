"""Reads an experiment: file to arms, within the sizes that can be measured."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness import plugins
from harness.errors import ConfigError, raise_if_any
from harness.experiment.arms import arms_of, name_problems, service_problems, shares_processes, stacks_of
from harness.experiment.constraints import arm_problems, counting_obstacle
from harness.experiment.cost import (
    nominal_cost,
    timed_requests,
    visit_lengths,
)
from harness.experiment.designs import (
    MAX_FACTORS,
    SCREENS,
    level_names,
    screen_arms,
    screen_problems,
    screen_runs,
    split_factors,
)
from harness.experiment.document import Document, design_problems, read_document, setting_problems
from harness.experiment.pairs import against_problems, counterpart_problems, pair_problems, pairs_of, with_control
from harness.experiment.problems import ConfigProblem, did_you_mean, valid_subset
from harness.model import Arm, Design, Experiment, Knob, Settings
from harness.model.experiment import MAX_SECONDS
from harness.model.plugins import sysctl_traffic
from harness.model.settings import IS_PATH, KNOB_PREFIX, varying_keys

PATH_SETTINGS = [name for name, field in Settings.model_fields.items() if IS_PATH in field.metadata]
MAX_ARMS = 256
MAX_STACKS = 64  # each is an nginx and a gunicorn, all running at the same time
MAX_SESSION_REQUESTS = 20_000_000  # requests of a session: their times are kept in memory


def read_experiment(path: Path, overrides: Iterable[str] = ()) -> Experiment:
    """Return the experiment at `path` with `overrides` (KEY.PATH=VALUE) applied. Raises ConfigError."""
    try:
        return with_absolute_paths(build_experiment(read_document(path, overrides)))
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply. An experiment needs only tables within tables.") from None


def with_absolute_paths(experiment: Experiment) -> Experiment:
    """Return the experiment with absolute paths, so that it can be resumed from another directory."""
    return experiment.model_copy(update={"arms": tuple(map(_with_absolute_path, experiment.arms))})


def _with_absolute_path(arm: Arm) -> Arm:
    paths = {key: str(Path(path).absolute()) for key in PATH_SETTINGS if (path := getattr(arm.settings, key))}
    return arm.model_copy(update={"settings": arm.settings.model_copy(update=paths)}) if paths else arm


def build_experiment(document: Document) -> Experiment:
    """Build the experiment. Raises ConfigError with all problems inside the tables of `document`."""
    design = valid_subset(Design, document.design)
    if too_many := list(count_problems(document, design)):
        raise_if_any(
            [*too_many, *map(str, setting_problems(document)), *map(str, design_problems(document))], ConfigError
        )
    runs = screen_runs(document, design)
    arms = screen_arms(document, runs) if design.screen else arms_of(document)
    raise_if_any(dict.fromkeys(_experiment_problems(document, arms, design)), ConfigError)
    pairs = pairs_of(arms, design)
    if design.control:
        arms, pairs = with_control(arms, pairs)
    experiment = Experiment(
        name=document.name,
        question=document.question,
        arms=tuple(arms),
        pairs=tuple(pairs),
        design=design.model_copy(update={"expect_null": tuple(map(full_setting_name, design.expect_null))}),
        levels=level_names(runs),
        tcp_only=tcp_only_settings(arms),
        counters=document.counters,
    )
    raise_if_any([*counting_problems(experiment), *effort_problems(experiment)], ConfigError)
    return experiment if "layout" in design.model_fields_set else _with_usual_layout(experiment)


def _with_usual_layout(experiment: Experiment) -> Experiment:
    """Return the experiment with a matched layout if it compares arms with processes of their own."""
    layout = "random" if shares_processes(experiment) else "matched"
    return experiment.model_copy(update={"design": experiment.design.model_copy(update={"layout": layout})})


def _experiment_problems(document: Document, arms: Sequence[Arm], design: Design) -> Iterator[str]:
    """Yield all problems; `arms` and `design` are made of the valid keys.

    Whether arms have counterparts is checked only if all settings are valid.
    """
    names = [arm.name for arm in arms]
    settings = [*setting_problems(document), *service_problems(document), *screen_problems(document, design)]
    against = [*against_problems(arms, design), *pair_problems(names, design)]
    yield from map(str, (*settings, *design_problems(document), *against))
    yield from name_problems(names)
    yield from arm_problems(arms)
    if not settings and not against:
        yield from map(str, counterpart_problems(arms, design))
        yield from map(str, negative_control_problems(arms, design))


def negative_control_problems(arms: Sequence[Arm], design: Design) -> Iterator[ConfigProblem]:
    """Yield a problem for each setting of `design.expect_null` that has the same value in all arms."""
    varying = varying_keys([arm.settings.flatten() for arm in arms])
    for index, name in enumerate(design.expect_null):
        if full_setting_name(name) not in varying:
            names = [key.removeprefix(KNOB_PREFIX) for key in varying]
            text = f"no two arms differ in this setting.{did_you_mean(name, names)}"
            yield ConfigProblem(("design", "expect_null", index), name, text)


def full_setting_name(name: str) -> str:
    """Return `name` as in `[factors]`: a knob may be given without `knobs.`."""
    return name if name in Settings.model_fields or name.startswith(KNOB_PREFIX) else f"{KNOB_PREFIX}{name}"


def tcp_only_settings(arms: Sequence[Arm]) -> tuple[str, ...]:
    """Return the knobs of the arms that can affect only TCP, named as in `[factors]`."""
    traffic = {name: knob.touches for name, knob in plugins.table(Knob).items()}
    names = dict.fromkeys(name for arm in arms for name in arm.settings.knobs)
    return tuple(f"{KNOB_PREFIX}{name}" for name in names if (traffic.get(name) or sysctl_traffic(name)) == "tcp")


def arm_count(document: Document, design: Design) -> int:
    """Return the number of arms of the tables, without making them."""
    if not design.screen:
        return max(len(document.arms), 1) * math.prod(map(len, document.factors.values()))
    screened, compared = (list(map(len, factors.values())) for factors in split_factors(document, design))
    return SCREENS[design.screen].run_count(screened) * math.prod(compared)


def count_problems(document: Document, design: Design) -> Iterator[str]:
    """Yield a sentence if there are too many arms, with smaller alternatives."""
    count = arm_count(document, design)
    if count > MAX_ARMS:
        source = f"{len(document.factors)} factors" if document.factors else "[arms.*]"
        yield f"{source} make {count} arms; a run has at most {MAX_ARMS}. {_alternatives(document, design)}"


def counting_problems(experiment: Experiment) -> Iterator[str]:
    """Yield a sentence if the events of `[counters]` cannot be counted for these arms on any machine."""
    obstacle = counting_obstacle(experiment)
    if experiment.counters and obstacle is not None:
        yield f"[counters] needs other arms: {obstacle or 'what answers behind a url is not known.'}"


def effort_problems(experiment: Experiment) -> Iterator[str]:
    """Yield a sentence for each limit that is exceeded: stacks, requests of a session, seconds."""
    stacks = len(stacks_of(experiment))
    if stacks > MAX_STACKS:
        yield (
            f"The arms need {stacks} stacks at the same time; a run has at most {MAX_STACKS}. Let arms share "
            'processes (processes = "shared"), or leave out levels of process settings.'
        )
    design, (settle, burst) = experiment.design, visit_lengths(experiment)
    visits = (settle + timed_requests(arm.settings, burst) for arm in experiment.arms)
    requests = (design.rounds or 1) * sum(visits)
    if requests > MAX_SESSION_REQUESTS:
        yield (
            f"design.rounds and design.burst make {requests} requests per session; the limit is "
            f"{MAX_SESSION_REQUESTS}. Set more design.sessions with fewer design.rounds."
        )
    least_s = (design.sessions or 1) * (design.rounds or 1) * nominal_cost(experiment).round_s
    if least_s > MAX_SECONDS:
        yield (
            f"design.sessions and design.rounds make visits of about {least_s:.0f} s; the limit is "
            f"{MAX_SECONDS} s. Leave one of them out, and design.budget_s decides."
        )


def _alternatives(document: Document, design: Design) -> str:
    screens = {} if document.arms or not document.factors else dict(_fitting_screens(document, design))
    if not screens:
        return "Leave out levels, factors or arms."
    listed = " or ".join(f'"{name}" ({count} arms)' for name, count in screens.items())
    return f"Choose design.screen = {listed}, or leave out levels."


def _fitting_screens(document: Document, design: Design) -> Iterator[tuple[str, int]]:
    levels = [len(levels) for levels in split_factors(document, design)[0].values()]
    is_two_level = max(levels, default=0) <= 2 and len(levels) <= MAX_FACTORS
    for name, screen in SCREENS.items():
        if name == design.screen or len(levels) < screen.min_factors or (screen.two_levels and not is_two_level):
            continue
        count = arm_count(document, design.model_copy(update={"screen": name}))
        if count <= MAX_ARMS:
            yield name, count
