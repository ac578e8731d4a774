"""Counters of the whole machine, also of other processes: softirqs, interrupts, stolen time, pressure."""

import os
import re
from pathlib import Path

from harness.evidence.counters.source import Source

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
INTERRUPTS_MAX_BYTES = 4096 - 256  # the kernel writes this file line by line: a page, and room to grow
RESCHEDULING = re.compile(r"^ *(?:RES|IPI0): +((?:\d+ +)+)[Rr]escheduling interrupts", re.MULTILINE)


def machine_sources(proc: Path) -> list[Source]:
    """Return the sources of the whole machine."""
    interrupts = "Rescheduling interrupts are not known."
    return [
        Source(proc / "interrupts", "host", rescheduling_interrupts, interrupts, INTERRUPTS_MAX_BYTES),
        Source(proc / "softirqs", "host", net_rx_softirqs, "Network softirqs are not known."),
        Source(proc / "pressure/cpu", "host", cpu_pressure, "How long tasks waited for a CPU (PSI) is not known."),
        Source(proc / "stat", "host", stolen_time, "Stolen CPU time is not known."),
    ]


def rescheduling_interrupts(interrupts: str) -> dict[str, int]:
    """Return the sum over all CPUs of `RES:  6334  6934   Rescheduling interrupts`, or IPI0 on aarch64."""
    match = RESCHEDULING.search(interrupts)
    return {"rescheduling": sum(map(int, match[1].split()))} if match else {}


def net_rx_softirqs(softirqs: str) -> dict[str, int]:
    """Return the sum over all CPUs of `NET_RX:`."""
    line = next((line for line in softirqs.splitlines() if line.strip().startswith("NET_RX:")), None)
    return {"net_rx": sum(map(int, line.split()[1:]))} if line else {}


def cpu_pressure(psi: str) -> dict[str, int]:
    """Return the total of `some avg10=5.92 avg60=5.64 avg300=4.33 total=31045178`, in microseconds."""
    match = re.search(r"^some .*total=(\d+)", psi, re.MULTILINE)
    return {"pressure_us": int(match[1])} if match else {}


def stolen_time(stat: str) -> dict[str, int]:
    """Return the eighth number of the first line."""
    fields = stat.partition("\n")[0].split()
    return {"steal_us": int(fields[8]) * TICK_US} if len(fields) > 8 else {}
