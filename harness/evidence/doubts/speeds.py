"""Doubts about CPUs that ran at another speed in the end than in the beginning."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from harness.evidence.doubts.scene import Scene
from harness.lab.kernelfiles import read_int
from harness.model import Doubt

# Turbo alone moves a clock by some ten percent to and fro; a change of governor, power source or heat does more.
CHANGED_PERCENT = 20.0
# Some drivers sleep 10 ms to learn the speed of an idle CPU, and servers that are not pinned may use a hundred.
CPUS_READ = 8

_COUNTS = ("core_throttle_count", "package_throttle_count")


@dataclass(frozen=True, slots=True)
class Speeds:
    """The frequency of each CPU, and how often heat has slowed it, or its package."""

    khz: Mapping[int, int]
    throttled: Mapping[tuple[int, str], int]


def read_speeds(scene: Scene) -> Speeds:
    cpus = sorted({cpu for crew in scene.crews for role in crew.placement.cpus.values() for cpu in role})
    places = {cpu: scene.roots.sys / f"devices/system/cpu/cpu{cpu}" for cpu in islice(cpus, CPUS_READ)}
    frequencies = {cpu: read_int(place / "cpufreq/scaling_cur_freq") for cpu, place in places.items()}
    return Speeds(
        khz={cpu: khz for cpu, khz in frequencies.items() if khz},
        throttled={
            (cpu, name): read_int(place / "thermal_throttle" / name) or 0
            for cpu, place in places.items()
            for name in _COUNTS
        },
    )


def speed_doubts(before: Speeds, after: Speeds) -> Iterator[Doubt]:
    yield from _frequency(before.khz, after.khz)
    yield from _throttled(before.throttled, after.throttled)


def _frequency(before: Mapping[int, int], after: Mapping[int, int]) -> Iterator[Doubt]:
    """One, about the CPU that changed most."""
    changes = {cpu: 100 * abs(before[cpu] - khz) / max(before[cpu], khz) for cpu, khz in after.items() if cpu in before}
    cpu = max(changes, key=changes.__getitem__, default=None)
    if cpu is not None and changes[cpu] > CHANGED_PERCENT:
        yield Doubt(
            kind="frequency",
            seen=f"CPU {cpu} ran at {before[cpu] / 1000:.0f} MHz first and at {after[cpu] / 1000:.0f} MHz in the end.",
            advice="Set the frequency governor to performance, and turbo off if times must not depend on heat.",
        )


def _throttled(before: Mapping[tuple[int, str], int], after: Mapping[tuple[int, str], int]) -> Iterator[Doubt]:
    times = max((count - before.get(counter, count) for counter, count in after.items()), default=0)
    if times > 0:
        yield Doubt(
            kind="throttled",
            seen=f"The CPUs were slowed {times} times because they were too hot.",
            advice="Cool the machine, or turn turbo off so that it does not get hot, and measure again.",
        )
