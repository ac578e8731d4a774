"""Group the arms that the same processes serve into stacks."""

from collections.abc import Sequence

from harness.model import Arm, Design, Experiment

# Settings of the processes; all others can differ from visit to visit.
PROCESS_SETTINGS = (
    "app", "app_dir", "worker_class", "workers", "threads", "nginx", "python", "placement", "network", "network_leg",
    "sandbox", "cpu_quota", "knobs", "processes",
)  # fmt: skip


def stacks_of(experiment: Experiment) -> tuple[tuple[Arm, ...], ...]:
    """Return the arms of each stack: those with equal process settings, or each arm alone if `processes` is "separate".

    Arms with a url have no stack. The order of arms in a stack is that of its ports, upstreams and sockets.
    """
    groups: dict[str, list[Arm]] = {}
    for arm in experiment.arms:
        if not arm.settings.url:
            groups.setdefault(_process_key(arm, experiment.design), []).append(arm)
    return tuple(map(_in_order, groups.values()))


def services_of(experiment: Experiment) -> tuple[Arm, ...]:
    """Return the arms with a url."""
    return tuple(arm for arm in experiment.arms if arm.settings.url)


def _process_key(arm: Arm, design: Design) -> str:
    alone = "separate" in (design.processes, arm.settings.processes)
    return arm.name if alone else repr(arm.settings.model_dump(include=set(PROCESS_SETTINGS)))


def _in_order(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    return tuple(reversed(arms) if arms[0].settings.processes == "swapped" else arms)
