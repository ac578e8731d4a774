"""A file of /proc that holds counters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Parse = Callable[[str], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Source:
    """One file of counters, and how to read it.

    `parse` returns the counters by name; the prefix of the name is `owner`, as in "nginx.wait_ns". `unknown` is the
    sentence for a file that does not exist, or is longer than `max_bytes`: reading it between bursts must be fast.
    """

    path: Path
    owner: str
    parse: Parse
    unknown: str
    max_bytes: int = 1 << 16
    is_lasting: bool = True  # False: it may vanish, as a thread does, and then counts nothing more
    is_inherited: bool = False  # another source takes over its counts when it vanishes


def parse_net_table(text: str) -> dict[str, int]:
    """Parse /proc/net/snmp or netstat: `Tcp: InSegs` above `Tcp: 10` is {"Tcp.InSegs": 10}."""
    lines = [line.split() for line in text.splitlines()]
    return {
        f"{names[0].rstrip(':')}.{name}": int(value)
        for names, values in zip(lines[::2], lines[1::2], strict=False)
        for name, value in zip(names[1:], values[1:], strict=False)
    }


def select_counters(values: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    """Return the `values` that `names` maps from the kernel's names to ours."""
    return {name: values[kernel_name] for kernel_name, name in names.items() if kernel_name in values}
