"""Doubts about kernel settings that another program changed since the run began."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.evidence.doubts.scene import Scene
from harness.evidence.sysctls import read_sysctls
from harness.lab.kernelfiles import Roots, read
from harness.model import Doubt

CLOCK = "the clock source"

# The kernel lowers it by itself while a profiler runs.
_SELF_CHANGING = "kernel.perf_event_max_sample_rate"


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """Kernel settings by name: at the start of the run, and at the moment of reading."""

    began: Mapping[str, str]
    seen: Mapping[str, str]


def read_settings(context: Scene) -> KernelSettings:
    """Read all settings of host.json, without those that the run itself changes."""
    own = {*context.knobs, _SELF_CHANGING}
    at_start = {name: value for name, value in _recorded_settings(context.host).items() if name not in own}
    return KernelSettings(at_start, _current_settings(context.roots) if at_start else {})


def setting_doubts(_before: KernelSettings, after: KernelSettings) -> Iterator[Doubt]:
    """Yield a doubt for each setting that is not what it was at the start of the run."""
    for name, value in after.began.items():
        if after.seen.get(name) != value:
            yield Doubt(
                kind="settings",
                seen=f"{name} was {value} when the run began and is {after.seen.get(name, 'not readable')} now.",
                advice=(
                    "Another program changes this machine. Sessions before and after the change are not comparable: "
                    "find the program, and measure again."
                ),
            )


def _recorded_settings(host: Mapping[str, Any]) -> dict[str, str]:
    clock = host.get("clock", {}).get("current_clocksource")
    return {**host.get("sysctls", {}), **({CLOCK: clock} if clock else {})}


def _current_settings(roots: Roots) -> dict[str, str]:
    clock = read(roots.sys / "devices/system/clocksource/clocksource0/current_clocksource")
    return {**read_sysctls(roots.proc), **({CLOCK: clock} if clock else {})}
