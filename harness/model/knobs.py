"""Knobs as data: the scope of each, the values that it takes, and what a value changes in the kernel."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

# network: a network namespace; device: its loopback interface; process: the servers; global: the whole machine.
Scope = Literal["network", "device", "process", "global", "boot"]
Touches = Literal["tcp", "both"]
KnobValue = int | str
Form = Literal["words", "choice", "mask", "cpus"]  # how a file shows its value: "a b", "a [b] c", "0000,000f", "0-3"

OF_UNIX_SOCKETS = ("net.core.somaxconn", "net.core.wmem", "net.core.rmem", "net.unix.")
CPU_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
LAST_CPU = 8191  # the most that a kernel can be built for, less one
OF_A_NETWORK: tuple[Scope, ...] = ("network", "device")


@dataclass(frozen=True, slots=True)
class FileText:
    """A file of /proc or /sys that gets `text`; `form` is how the kernel shows it. `path` may be a pattern.

    `choices` is a file beside it that lists its values. With `refusable`, files that refuse the text stay as they are.
    """

    path: str
    text: str
    form: Form = "words"
    choices: str = ""
    refusable: bool = False


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first of `files` that exists on this machine: drivers use different names."""

    files: tuple[FileText, ...]


@dataclass(frozen=True, slots=True)
class LoAttribute:
    """An attribute of the loopback interface, as ip-link(8) calls it."""

    name: Literal["mtu", "gso_max_size"]
    value: int


@dataclass(frozen=True, slots=True)
class LoRoute:
    """An option of the route to 127.0.0.0/8, as ip-route(8) calls it."""

    name: Literal["quickack", "congctl"]
    value: KnobValue


@dataclass(frozen=True, slots=True)
class Tracking:
    """Whether a packet filter of ours uses the state of connections, which makes the kernel track them."""

    on: bool


@dataclass(frozen=True, slots=True)
class OfServers:
    """An attribute that every server process starts with."""

    name: Literal["nice", "scheduling", "timer_slack_ns"]
    value: KnobValue


@dataclass(frozen=True, slots=True)
class HeldOpen:
    """A file that holds `number` for as long as it is kept open (Documentation/power/pm_qos_interface.rst)."""

    path: str
    number: int


Check = Callable[[KnobValue], str | None]  # why a value of a knob is wrong, or None
Change = FileText | FirstOf | LoAttribute | LoRoute | Tracking | OfServers | HeldOpen


@dataclass(frozen=True, slots=True)
class Knob:
    """A kernel setting. `problem` returns why a value is wrong, or None; `changes` returns what a value changes.

    `touches` is what it can affect: "tcp" stands for every TCP connection, including the client's. `by_boot` is the
    parameter of the kernel's command line, for knobs that cannot be changed at run time.
    """

    scope: Scope
    touches: Touches
    problem: Check
    changes: Callable[[KnobValue], tuple[Change, ...]]
    by_boot: str = ""


def cpus_of(text: str) -> tuple[int, ...]:
    """Return the CPUs of a kernel list: "0-2,8" is (0, 1, 2, 8). Raises ValueError."""
    bounds = [CPU_RANGE.fullmatch(part) for part in text.split(",")]
    ranges = [range(int(match[1]), int(match[2] or match[1]) + 1) for match in bounds if match]
    if len(ranges) < len(bounds) or not all(ranges) or any(numbers[-1] > LAST_CPU for numbers in ranges):
        raise ValueError(text)
    return tuple(sorted({number for numbers in ranges for number in numbers}))


def one_of(*choices: KnobValue) -> Check:
    """Return a check that a value is one of `choices`."""
    *first, last = map(json.dumps, choices)
    return lambda value: None if value in choices else f"must be {', '.join(first)} or {last}."


def whole_number(least: int, most: int | None = None) -> Check:
    """Return a check that a value is a whole number of at least `least`, and at most `most` where that is given."""
    bounds = f"of {least} or more" if most is None else f"from {least} to {most}"

    def check(value: KnobValue) -> str | None:
        is_good = isinstance(value, int) and least <= value and (most is None or value <= most)
        return None if is_good else f"must be a whole number {bounds}."

    return check


def text_like(example: str) -> Check:
    """Return a check that a value is text that is not empty."""
    return lambda value: None if isinstance(value, str) and value else f"must be text like {json.dumps(example)}."


def cpu_list(*words: str) -> Check:
    """Return a check that a value is a list of CPUs, or one of `words`."""

    def check(value: KnobValue) -> str | None:
        try:
            is_good = value in words or bool(cpus_of(str(value)))
        except ValueError:
            is_good = False
        return None if is_good else " or ".join(['must be a list of CPUs like "0-1"', *map(json.dumps, words)]) + "."

    return check


def boot_cpus_problem(value: KnobValue) -> str | None:
    """Return why `value` is no list of CPUs for the kernel's command line, perhaps after flags like "nohz,domain,"."""
    parts = str(value).split(",")
    numbers = ",".join(part for part in parts if not re.fullmatch("[a-z_]+", part))
    try:
        is_good = not numbers or bool(cpus_of(re.sub(r":[0-9]+/[0-9]+", "", numbers)))
    except ValueError:
        is_good = False
    return None if is_good and value != "" else f'must be a list of CPUs like "2,3" or "2-7", up to {LAST_CPU}.'


def sysctl_touches(name: str) -> Touches:
    """Return what a sysctl can affect, judged by its name."""
    return "tcp" if name.startswith("net.") and not name.startswith(OF_UNIX_SOCKETS) else "both"
