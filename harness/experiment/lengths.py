"""How long visits are: a few requests by our client, or what a tool, a rate or many connections ask for."""

from harness.experiment.limits import CLIENT
from harness.model import Experiment, Settings

LEAST_PER_CONNECTION = 4  # timed requests of a visit with many connections
PACED_S = 0.25  # the least that is timed of a visit at a rate
NOMINAL_PACED = 300  # requests of such a visit
PACED_BURST = 250  # of an arm without a rate beside others that have one


def has_tools(experiment: Experiment) -> bool:
    return any(arm.settings.tool != CLIENT for arm in experiment.arms)


def is_paced(experiment: Experiment) -> bool:
    """Whether requests of any arm are sent at a rate: then the long visits of that arm set the measure for all."""
    return any(arm.settings.rate for arm in experiment.arms)


def has_long_visits(experiment: Experiment) -> bool:
    """Whether bursts of a few requests, as a pilot chooses them, would be lost among those of other arms."""
    return has_tools(experiment) or is_paced(experiment)


def visit_lengths(experiment: Experiment) -> tuple[int, int]:
    """(settle, burst): what the file says, or what suits the tools: a run of an outside tool is a burst by itself.

    Where our client is one of several tools, its bursts are as long as their runs, and so beside requests at a rate.
    """
    settle, burst = _usual_lengths(experiment)
    design = experiment.design
    return (
        settle if design.settle is None else design.settle,
        burst if design.burst is None else design.burst,
    )


def _usual_lengths(experiment: Experiment) -> tuple[int, int]:
    if has_tools(experiment):
        of_client = [arm.settings.tool_requests for arm in experiment.arms if arm.settings.tool == CLIENT]
        return 5, max(of_client, default=1)
    return (10, PACED_BURST) if is_paced(experiment) else (2, 8)


def timed_requests(settings: Settings, burst: int) -> int:
    """How many requests a visit times, which is more than a burst where that would be too few."""
    paced = PACED_S * settings.rate if isinstance(settings.rate, float) else NOMINAL_PACED
    crowded = LEAST_PER_CONNECTION * settings.connections if settings.connections > 1 else 0
    return max(burst, round(paced), crowded)
