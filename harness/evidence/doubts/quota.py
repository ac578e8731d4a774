"""Doubts about a limit of CPU time on the cgroup that we run in."""

from collections.abc import Iterator

from harness.evidence.doubts.scene import Scene
from harness.evidence.limits import throttled_periods
from harness.model import Doubt


def read_quota(scene: Scene) -> int:
    return throttled_periods(scene.roots)


def quota_doubts(before: int, after: int) -> Iterator[Doubt]:
    """Once is too often: a period without CPU time lasts up to 100 ms, hundreds of requests."""
    if after > before:
        yield Doubt(
            kind="quota",
            seen=f"The kernel stopped us {after - before} times, because the cgroup had used up its CPU quota.",
            advice=(
                "Measure outside this cgroup (a container's or service's CPU limit), or have its limit lifted; "
                "to measure under a limit, give every role its own with cpu_quota."
            ),
        )
