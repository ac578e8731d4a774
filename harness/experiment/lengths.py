"""Choose the length of visits, depending on the client, rates and connections."""

from harness.experiment.limits import CLIENT
from harness.model import Experiment, Settings

LEAST_PER_CONNECTION = 4  # timed requests of a visit with many connections
PACED_S = 0.25  # shortest timed part of a visit at a rate
NOMINAL_PACED = 300  # requests of a visit at a rate
PACED_BURST = 250  # requests of an arm without a rate, if other arms have one


def has_tools(experiment: Experiment) -> bool:
    """Return whether any arm has an external load tool."""
    return any(arm.settings.tool != CLIENT for arm in experiment.arms)


def is_paced(experiment: Experiment) -> bool:
    """Return whether requests of any arm are sent at a rate; then the visits of all arms are long."""
    return any(arm.settings.rate for arm in experiment.arms)


def has_long_visits(experiment: Experiment) -> bool:
    """Return whether visits are too long for a pilot to choose the length of bursts."""
    return has_tools(experiment) or is_paced(experiment)


def visit_lengths(experiment: Experiment) -> tuple[int, int]:
    """Return (settle, burst) of the file, or defaults: our client's bursts are as long as the visits of other tools."""
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
    """Return the number of timed requests of a visit: at least `burst`, more with a rate or many connections."""
    at_rate = PACED_S * settings.rate if isinstance(settings.rate, float) else NOMINAL_PACED
    concurrent = LEAST_PER_CONNECTION * settings.connections if settings.connections > 1 else 0
    return max(burst, round(at_rate), concurrent)
