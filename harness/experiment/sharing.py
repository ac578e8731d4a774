"""Which arms may be served by the same processes."""

from collections.abc import Sequence

from harness.model import Arm, Design, Experiment

# What nginx and gunicorn are started with; every other setting can differ from visit to visit.
PROCESS_SETTINGS = (
    "app", "app_dir", "worker_class", "workers", "threads", "nginx", "python", "placement", "network", "network_leg",
    "sandbox", "cpu_quota", "knobs", "processes",
)  # fmt: skip


def stacks_of(experiment: Experiment) -> tuple[tuple[Arm, ...], ...]:
    """The arms of each stack: those with the same processes, or every arm alone when `processes` is "separate".

    Arms with a url have none. Where arms share theirs, their order is that of ports, upstreams and sockets.
    """
    groups: dict[str, list[Arm]] = {}
    for arm in experiment.arms:
        if not arm.settings.url:
            groups.setdefault(_process_key(arm, experiment.design), []).append(arm)
    return tuple(map(_in_order, groups.values()))


def services_of(experiment: Experiment) -> tuple[Arm, ...]:
    """The arms that ask what is running already."""
    return tuple(arm for arm in experiment.arms if arm.settings.url)


def _process_key(arm: Arm, design: Design) -> str:
    alone = "separate" in (design.processes, arm.settings.processes)
    return arm.name if alone else repr(arm.settings.model_dump(include=set(PROCESS_SETTINGS)))


def _in_order(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    return tuple(reversed(arms) if arms[0].settings.processes == "swapped" else arms)
