"""Which arms may be served by the same processes."""

from harness.model import Arm, Experiment

# What nginx and gunicorn are started with; every other setting can differ from visit to visit.
PROCESS_SETTINGS = (
    "app", "app_dir", "worker_class", "workers", "nginx", "python", "placement", "network", "network_leg", "sandbox",
    "cpu_quota", "knobs",
)  # fmt: skip


def stacks_of(experiment: Experiment) -> tuple[tuple[Arm, ...], ...]:
    """The arms of each stack: those with the same processes, or every arm alone when `processes` is "separate"."""
    if experiment.design.processes == "separate":
        return tuple((arm,) for arm in experiment.arms)
    groups: dict[str, list[Arm]] = {}
    for arm in experiment.arms:
        groups.setdefault(_process_key(arm), []).append(arm)
    return tuple(map(tuple, groups.values()))


def _process_key(arm: Arm) -> str:
    return repr(arm.settings.model_dump(include=set(PROCESS_SETTINGS)))
