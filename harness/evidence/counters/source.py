"""A file of /proc that holds counters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Parse = Callable[[str], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Source:
    """`parse` gives the file's counters by name; `whose` they are comes before the name, as in "nginx.wait_ns".

    `missing` says what is not known where there is no such file, or where it has grown beyond `longest_bytes`:
    what is long takes long, and it is read between the bursts.
    """

    path: Path
    whose: str
    parse: Parse
    missing: str
    longest_bytes: int = 1 << 16
    lasting: bool = True  # else it may vanish, as a thread does, and then counts nothing more
    handed_on: bool = False  # what it has counted goes to another source when it vanishes


def table(text: str) -> dict[str, int]:
    """`Tcp: InSegs OutSegs` above `Tcp: 10 20` is {"Tcp.InSegs": 10, "Tcp.OutSegs": 20}: /proc/net/snmp and netstat."""
    lines = [line.split() for line in text.splitlines()]
    return {
        f"{names[0].rstrip(':')}.{name}": int(value)
        for names, values in zip(lines[::2], lines[1::2], strict=False)
        for name, value in zip(names[1:], values[1:], strict=False)
    }


def chosen(values: Mapping[str, int], wanted: Mapping[str, str]) -> dict[str, int]:
    """Those of `values` that are `wanted`, by our names for them."""
    return {ours: values[theirs] for theirs, ours in wanted.items() if theirs in values}
