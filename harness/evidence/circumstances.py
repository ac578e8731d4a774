"""Reads the settings of a machine that make times long or unsteady: clock, timer, idle states, services."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.lab.idle import idle_states
from harness.lab.kernelfiles import HERE, Roots, read, read_int

SERVICES = ("irqbalance", "tuned", "dockerd", "containerd", "podman", "firewalld", "thermald", "power-profiles-")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Settings of the machine; None and empty where unknown. `idle_us`: exit latency by idle state, shallow first."""

    clock: str | None
    timer_hz: int | None
    idle_us: dict[str, int]
    halt_poll_ns: int | None
    huge_pages: str | None
    services: tuple[str, ...]


def read_circumstances(roots: Roots = HERE) -> Circumstances:
    """Read the settings from /proc and /sys."""
    config = kernel_config(roots)
    hertz = re.search(r"^CONFIG_HZ=(\d+)$", config or "", re.MULTILINE)
    pages = re.search(r"\[(.+?)\]", read(roots.sys / "kernel/mm/transparent_hugepage/enabled") or "")
    return Circumstances(
        clock=read(roots.sys / "devices/system/clocksource/clocksource0/current_clocksource"),
        timer_hz=int(hertz[1]) if hertz else None,
        idle_us=idle_states(roots),
        halt_poll_ns=read_int(roots.sys / "module/haltpoll/parameters/guest_halt_poll_ns"),
        huge_pages=pages[1] if pages else None,
        services=tuple(name for name in SERVICES if name in set(_process_names(roots))),
    )


def kernel_config(roots: Roots = HERE) -> str | None:
    """Return the configuration of the running kernel as text, from /proc/config.gz or /boot."""
    try:
        return gzip.decompress((roots.proc / "config.gz").read_bytes()).decode(errors="replace").strip()
    except (OSError, EOFError):
        release = read(roots.proc / "sys/kernel/osrelease") or ""
        return read(roots.top / f"boot/config-{release}")


def _process_names(roots: Roots) -> Iterator[str]:
    """Yield the names of running processes, which the kernel cuts to 15 characters."""
    for path in roots.proc.glob("[0-9]*/comm"):
        if name := read(path):
            yield name
