"""Doubts about kernel settings that somebody else changed since the run began."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.evidence.doubts.scene import Scene
from harness.evidence.sysctls import read_sysctls
from harness.lab.kernelfiles import Roots, read
from harness.model import Doubt

CLOCK = "the clock source"

# The kernel lowers it by itself while somebody profiles.
_CHANGES_BY_ITSELF = "kernel.perf_event_max_sample_rate"


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """By name, as the run began, and at the moment of reading."""

    began: Mapping[str, str]
    seen: Mapping[str, str]


def read_settings(scene: Scene) -> KernelSettings:
    """Of all settings in host.json, but for those that the run changes itself."""
    own = {*scene.knobs, _CHANGES_BY_ITSELF}
    began = {name: value for name, value in _recorded(scene.host).items() if name not in own}
    return KernelSettings(began, _here(scene.roots) if began else {})


def setting_doubts(_before: KernelSettings, after: KernelSettings) -> Iterator[Doubt]:
    for name, value in after.began.items():
        if after.seen.get(name) != value:
            yield Doubt(
                kind="settings",
                seen=f"{name} was {value} when the run began and is {after.seen.get(name, 'not to be seen')} now.",
                advice=(
                    "Somebody else changes this machine. Sessions before and after the change did not measure "
                    "the same: find out who did it, and measure again."
                ),
            )


def _recorded(host: Mapping[str, Any]) -> dict[str, str]:
    clock = host.get("clock", {}).get("current_clocksource")
    return {**host.get("sysctls", {}), **({CLOCK: clock} if clock else {})}


def _here(roots: Roots) -> dict[str, str]:
    clock = read(roots.sys / "devices/system/clocksource/clocksource0/current_clocksource")
    return {**read_sysctls(roots.proc), **({CLOCK: clock} if clock else {})}
