"""Doubts about a CPU quota on the cgroup that barehop runs in."""

from collections.abc import Iterator

from harness.evidence.doubts.scene import Scene
from harness.evidence.limits import throttled_periods
from harness.model import Doubt


def read_quota(context: Scene) -> int:
    """Return the number of throttled periods so far."""
    return throttled_periods(context.roots)


def quota_doubts(before: int, after: int) -> Iterator[Doubt]:
    """Yield a doubt for any throttled period: without CPU time for up to 100 ms, hundreds of requests are late."""
    if after > before:
        yield Doubt(
            kind="quota",
            seen=f"The kernel throttled this run {after - before} times, because its cgroup had used up its CPU quota.",
            advice=(
                "Measure outside this cgroup (a container's or service's CPU limit), or remove its limit; "
                "to measure under a limit, give every role its own with cpu_quota."
            ),
        )
