"""Knobs as data: the scope of a kernel setting, and the changes that a value makes."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

# network: a network namespace; device: its loopback interface; process: the servers' own; global: this machine.
KnobScope = Literal["network", "device", "process", "global", "boot"]
AffectedTraffic = Literal["tcp", "both"]
KnobValue = int | str
ValueForm = Literal["words", "choice", "mask", "cpus"]  # of a value in a file: "a b", "a [b] c", "0000,000f", "0-3"

UNIX_SOCKET_SYSCTLS = ("net.core.somaxconn", "net.core.wmem", "net.core.rmem", "net.unix.")
CPU_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
MAX_CPU = 8191  # the last CPU that a kernel can support
NETWORK_SCOPES: tuple[KnobScope, ...] = ("network", "device")


@dataclass(frozen=True, slots=True)
class FileText:
    """A file of /proc or /sys with the value `text` in the kernel's `form`. `path` may be a pattern for many files.

    `choices` is a file next to it that lists the possible values. With `refusable`, files that reject it are skipped.
    """

    path: str
    text: str
    form: ValueForm = "words"
    choices: str = ""
    refusable: bool = False


@dataclass(frozen=True, slots=True)
class FirstExistingFile:
    """The first of these files that exists: drivers differ in names."""

    files: tuple[FileText, ...]


@dataclass(frozen=True, slots=True)
class LoAttribute:
    """An attribute of the loopback interface, by its name in ip-link(8)."""

    name: Literal["mtu", "gso_max_size"]
    value: int


@dataclass(frozen=True, slots=True)
class LoRoute:
    """An option of the route to 127.0.0.0/8, by its name in ip-route(8)."""

    name: Literal["quickack", "congctl"]
    value: KnobValue


@dataclass(frozen=True, slots=True)
class ConntrackSwitch:
    """Whether a packet filter matches connection states, so that the kernel tracks connections."""

    on: bool


@dataclass(frozen=True, slots=True)
class ServerAttribute:
    """An attribute that every server process starts with."""

    name: Literal["nice", "scheduling", "timer_slack_ns"]
    value: KnobValue


@dataclass(frozen=True, slots=True)
class HeldOpenFile:
    """A file that keeps `number` while it is open (Documentation/power/pm_qos_interface.rst)."""

    path: str
    number: int


KernelChange = FileText | FirstExistingFile | LoAttribute | LoRoute | ConntrackSwitch | ServerAttribute | HeldOpenFile


def _no_changes(_value: KnobValue) -> tuple[KernelChange, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Knob:
    """A kernel setting. `problem` returns why a value is invalid, or None; `changes` returns the changes of a value.

    `touches` is the traffic that it can affect: "tcp" is every TCP connection, including the client's. `boot_parameter`
    is the parameter of the kernel's command line, for a knob that cannot be changed at run time.
    """

    help: str
    scope: KnobScope
    problem: Callable[[KnobValue], str | None]
    changes: Callable[[KnobValue], tuple[KernelChange, ...]] = _no_changes
    touches: AffectedTraffic = "both"
    boot_parameter: str = ""


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the CPUs of a kernel list: "0-2,8" is (0, 1, 2, 8). Raise ValueError."""
    bounds = [CPU_RANGE.fullmatch(part) for part in text.split(",")]
    ranges = [range(int(match[1]), int(match[2] or match[1]) + 1) for match in bounds if match]
    if len(ranges) < len(bounds) or not all(ranges) or any(numbers[-1] > MAX_CPU for numbers in ranges):
        raise ValueError(text)
    return tuple(sorted({number for numbers in ranges for number in numbers}))


def boot_cpus_problem(value: KnobValue) -> str | None:
    """Return why `value` is no CPU list of the kernel's command line, with flags like "nohz,domain,"; None if it is."""
    parts = str(value).split(",")
    numbers = ",".join(part for part in parts if not re.fullmatch("[a-z_]+", part))
    try:
        is_valid = not numbers or bool(parse_cpu_list(re.sub(r":[0-9]+/[0-9]+", "", numbers)))
    except ValueError:
        is_valid = False
    return None if is_valid and value != "" else f'must be a list of CPUs like "2,3" or "2-7", up to {MAX_CPU}.'


def sysctl_traffic(name: str) -> AffectedTraffic:
    """Return the traffic that a sysctl can affect, by its name."""
    return "tcp" if name.startswith("net.") and not name.startswith(UNIX_SOCKET_SYSCTLS) else "both"


Check = Callable[[KnobValue], str | None]  # returns why a value is invalid, or None


def one_of(*choices: KnobValue) -> Check:
    """Return a check that a value is one of `choices`."""
    *first, last = map(json.dumps, choices)
    return lambda value: None if value in choices else f"must be {', '.join(first)} or {last}."


def whole_number(least: int, most: int | None = None) -> Check:
    """Return a check that a value is a whole number of at least `least`, and at most `most` where that is given."""
    bounds = f"of {least} or more" if most is None else f"from {least} to {most}"

    def check(value: KnobValue) -> str | None:
        is_valid = isinstance(value, int) and least <= value and (most is None or value <= most)
        return None if is_valid else f"must be a whole number {bounds}."

    return check


def text_like(example: str) -> Check:
    """Return a check that a value is text that is not empty."""
    return lambda value: None if isinstance(value, str) and value else f"must be text like {json.dumps(example)}."


def cpu_list(*words: str) -> Check:
    """Return a check that a value is a list of CPUs, or one of `words`."""

    def check(value: KnobValue) -> str | None:
        try:
            is_valid = value in words or bool(parse_cpu_list(str(value)))
        except ValueError:
            is_valid = False
        return None if is_valid else " or ".join(['must be a list of CPUs like "0-1"', *map(json.dumps, words)]) + "."

    return check
