"""Doubts about CPUs whose frequency changed during the session, or that were throttled by heat."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from harness.evidence.doubts.scene import Scene
from harness.lab.kernelfiles import read_int
from harness.model import Doubt

# Turbo alone varies a frequency by about 10 %; a change of governor, power source or temperature by more.
CHANGED_PERCENT = 20.0
# Some drivers sleep 10 ms to read the frequency of an idle CPU, and servers that are not pinned may use 100 CPUs.
CPUS_READ = 8

_THROTTLE_COUNTERS = ("core_throttle_count", "package_throttle_count")


@dataclass(frozen=True, slots=True)
class Speeds:
    """The frequency of each CPU, and how often heat has throttled it or its package."""

    khz: Mapping[int, int]
    throttled: Mapping[tuple[int, str], int]


def read_speeds(context: Scene) -> Speeds:
    """Read frequencies and throttle counters of the first CPUs that the stacks use."""
    cpus = sorted({cpu for stack in context.crews for role in stack.placement.cpus.values() for cpu in role})
    places = {cpu: context.roots.sys / f"devices/system/cpu/cpu{cpu}" for cpu in islice(cpus, CPUS_READ)}
    frequencies = {cpu: read_int(place / "cpufreq/scaling_cur_freq") for cpu, place in places.items()}
    return Speeds(
        khz={cpu: khz for cpu, khz in frequencies.items() if khz},
        throttled={
            (cpu, name): read_int(place / "thermal_throttle" / name) or 0
            for cpu, place in places.items()
            for name in _THROTTLE_COUNTERS
        },
    )


def speed_doubts(before: Speeds, after: Speeds) -> Iterator[Doubt]:
    """Yield a doubt each for a changed frequency and for throttling."""
    yield from _frequency_doubts(before.khz, after.khz)
    yield from _throttle_doubts(before.throttled, after.throttled)


def _frequency_doubts(before: Mapping[int, int], after: Mapping[int, int]) -> Iterator[Doubt]:
    """Yield a doubt about the CPU with the largest change."""
    changes = {cpu: 100 * abs(before[cpu] - khz) / max(before[cpu], khz) for cpu, khz in after.items() if cpu in before}
    cpu = max(changes, key=changes.__getitem__, default=None)
    if cpu is not None and changes[cpu] > CHANGED_PERCENT:
        yield Doubt(
            kind="frequency",
            seen=f"CPU {cpu} ran at {before[cpu] / 1000:.0f} MHz first and at {after[cpu] / 1000:.0f} MHz at the end.",
            advice="Set the frequency governor to performance, and turbo off if times must not depend on temperature.",
        )


def _throttle_doubts(before: Mapping[tuple[int, str], int], after: Mapping[tuple[int, str], int]) -> Iterator[Doubt]:
    times = max((count - before.get(counter, count) for counter, count in after.items()), default=0)
    if times > 0:
        yield Doubt(
            kind="throttled",
            seen=f"The CPUs were throttled {times} times because they were too hot.",
            advice="Cool the machine, or turn off turbo, and measure again.",
        )
