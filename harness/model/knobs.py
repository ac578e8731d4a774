"""What a knob is: where it holds, and what a value of it changes in the kernel, as data."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

# network: a network namespace; device: its loopback interface; process: the servers' own; global: this machine.
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
    """A file of /proc or /sys that holds `text`, shown in a `form` of the kernel's. `path` may be a pattern of many.

    `choices` is a file beside it that lists what it takes. With `refusable`, files that refuse stay as they are.
    """

    path: str
    text: str
    form: Form = "words"
    choices: str = ""
    refusable: bool = False


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first of these whose file this machine has: drivers differ in names."""

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
    """Whether a packet filter of ours asks for the state of every connection, which makes the kernel track them."""

    on: bool


@dataclass(frozen=True, slots=True)
class OfServers:
    """What every server process is started with."""

    name: Literal["nice", "scheduling", "timer_slack_ns"]
    value: KnobValue


@dataclass(frozen=True, slots=True)
class HeldOpen:
    """A file that holds `number` for as long as it is kept open (Documentation/power/pm_qos_interface.rst)."""

    path: str
    number: int


Change = FileText | FirstOf | LoAttribute | LoRoute | Tracking | OfServers | HeldOpen


@dataclass(frozen=True, slots=True)
class Knob:
    """A kernel setting. `problem` says why a value cannot be, or None; `changes` is what a value makes.

    `touches` is what it can possibly change: "tcp" stands for every TCP connection, the client's included.
    `by_boot` is the parameter of the kernel's command line, where nothing can be changed at run time.
    """

    scope: Scope
    touches: Touches
    problem: Callable[[KnobValue], str | None]
    changes: Callable[[KnobValue], tuple[Change, ...]]
    by_boot: str = ""


def cpus_of(text: str) -> tuple[int, ...]:
    """Return the CPUs of a kernel list: "0-2,8" is (0, 1, 2, 8). Raises ValueError."""
    bounds = [CPU_RANGE.fullmatch(part) for part in text.split(",")]
    ranges = [range(int(found[1]), int(found[2] or found[1]) + 1) for found in bounds if found]
    if len(ranges) < len(bounds) or not all(ranges) or any(numbers[-1] > LAST_CPU for numbers in ranges):
        raise ValueError(text)
    return tuple(sorted({number for numbers in ranges for number in numbers}))


def boot_cpus_problem(value: KnobValue) -> str | None:
    """Say why `value` is no list of CPUs of the kernel's command line, perhaps after words like "nohz,domain,"."""
    parts = str(value).split(",")
    numbers = ",".join(part for part in parts if not re.fullmatch("[a-z_]+", part))
    try:
        good = not numbers or bool(cpus_of(re.sub(r":[0-9]+/[0-9]+", "", numbers)))
    except ValueError:
        good = False
    return None if good and value != "" else f'must be a list of CPUs like "2,3" or "2-7", up to {LAST_CPU}.'


def sysctl_touches(name: str) -> Touches:
    """What a sysctl can possibly change, as far as its name says."""
    return "tcp" if name.startswith("net.") and not name.startswith(OF_UNIX_SOCKETS) else "both"
