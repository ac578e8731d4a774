"""Counters of the whole machine: network softirqs, rescheduling interrupts, stolen time, pressure.

They know nothing of arms: what others did meanwhile is in them too.
"""

import os
import re
from pathlib import Path

from harness.evidence.counters.source import Source

WHOSE = "host"
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
ONE_READ_BYTES = 4096 - 256  # of a file that the kernel writes line by line: a page, and room to grow
RESCHEDULING = re.compile(r"^ *(?:RES|IPI0): +((?:\d+ +)+)[Rr]escheduling interrupts", re.MULTILINE)


def sources(proc: Path) -> list[Source]:
    return [
        Source(proc / "interrupts", WHOSE, rescheduling, "Rescheduling interrupts are not known.", ONE_READ_BYTES),
        Source(proc / "softirqs", WHOSE, received, "Network softirqs are not known."),
        Source(proc / "pressure/cpu", WHOSE, pressure, "How long anybody waited for a CPU (PSI) is not known."),
        Source(proc / "stat", WHOSE, stolen, "Stolen CPU time is not known."),
    ]


def rescheduling(interrupts: str) -> dict[str, int]:
    """`RES:  6334  6934   Rescheduling interrupts`, or IPI0 on aarch64: over all CPUs."""
    found = RESCHEDULING.search(interrupts)
    return {"rescheduling": sum(map(int, found[1].split()))} if found else {}


def received(softirqs: str) -> dict[str, int]:
    line = next((line for line in softirqs.splitlines() if line.strip().startswith("NET_RX:")), None)
    return {"net_rx": sum(map(int, line.split()[1:]))} if line else {}


def pressure(psi: str) -> dict[str, int]:
    """`some avg10=5.92 avg60=5.64 avg300=4.33 total=31045178`, the total in microseconds."""
    found = re.search(r"^some .*total=(\d+)", psi, re.MULTILINE)
    return {"pressure_us": int(found[1])} if found else {}


def stolen(stat: str) -> dict[str, int]:
    """The eighth number of the first line."""
    fields = stat.partition("\n")[0].split()
    return {"steal_us": int(fields[8]) * TICK_US} if len(fields) > 8 else {}
