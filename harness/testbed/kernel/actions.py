"""The action for each change of a kernel value: its shell command, and functions that make it and read it back."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, assert_never

from harness.model.plugins import (
    ConntrackSwitch,
    FileText,
    FirstExistingFile,
    HeldOpenFile,
    KernelChange,
    LoAttribute,
    LoRoute,
    ServerAttribute,
    ValueForm,
)
from harness.testbed.machine.procfs import format_cpus, parse_cpus, read_text
from harness.testbed.network.namespace import (
    loopback_attribute,
    loopback_route_option,
    own_sysfs_path,
    set_loopback_attribute,
    set_loopback_route,
)
from harness.testbed.network.nft import TRACKING_TABLE, is_tracking, knob_tracking_rules, set_tracking
from harness.testbed.processes.process import ATTRIBUTE_KINDS

SYSCTL_DIRECTORY = "/proc/sys/"
ON_OFF = {True: "on", False: "off"}


def _needs_process() -> NoReturn:
    raise TypeError("this change lasts as long as a process, with which it is made")


@dataclass(frozen=True, slots=True)
class Action:
    """How a change is made: by `command` in a shell, or by `apply`, for a network in that of this thread.

    `read` returns the present value, in the same form as `wanted`. `apply` and `read` raise OSError. An attribute of a
    process and a file held open have neither. Nothing here restores a value.
    """

    command: str
    wanted: str
    apply: Callable[[], None] = _needs_process
    read: Callable[[], str] = _needs_process


def action_of(change: KernelChange) -> Action:
    """Return the action that makes `change`."""
    match change:
        case FileText():
            wanted = normalize(change.text, change.form)
            return Action(_file_command(change), wanted, partial(_write_file, change), partial(_read_file, change))
        case FirstExistingFile():
            return Action(" || ".join(map(_file_command, change.files)), action_of(change.files[0]).wanted)
        case LoAttribute() | LoRoute():
            return _loopback_action(change)
        case ConntrackSwitch():
            remove = f"nft delete table inet {TRACKING_TABLE} 2>/dev/null || true"
            command, apply = "; ".join(knob_tracking_rules().commands()), partial(set_tracking, on=change.on)
            return Action(command if change.on else remove, ON_OFF[change.on], apply, lambda: ON_OFF[is_tracking()])
        case ServerAttribute():
            return Action(ATTRIBUTE_KINDS[change.name].command(change.value), str(change.value))
        case HeldOpenFile():
            return Action(f"exec 9<>{change.path}; printf '%08x' {change.number} >&9", str(change.number))
        case _:
            assert_never(change)


def _loopback_action(change: LoAttribute | LoRoute) -> Action:
    option, wanted = f"{change.name} {shlex.quote(str(change.value))}", str(change.value)
    if isinstance(change, LoAttribute):
        apply, read = partial(set_loopback_attribute, change), partial(loopback_attribute, change.name)
        return Action(f"ip link set lo {option}", wanted, apply, read)
    command = f"ip route change local 127.0.0.1 dev lo table local proto kernel src 127.0.0.1 {option}"
    return Action(command, wanted, partial(set_loopback_route, change), partial(loopback_route_option, change.name))


def _file_command(file: FileText) -> str:
    if file.path.startswith(SYSCTL_DIRECTORY):
        quoted = "'" + file.text.replace("'", "'\\''") + "'"  # in any case: many sysctls hold several numbers
        return f"sysctl -w {file.path.removeprefix(SYSCTL_DIRECTORY).replace('/', '.')}={quoted}"
    if "*" in file.path:
        return f"for file in {file.path}; do echo {shlex.quote(file.text)} >$file; done"
    return f"echo {shlex.quote(file.text)} >{shlex.quote(file.path)}"


def _write_file(file: FileText) -> None:
    with own_sysfs_path(file.path) as path:
        path.write_text(file.text)


def _read_file(file: FileText) -> str:
    with own_sysfs_path(file.path) as path:
        return normalize(path.read_text(), file.form)


def normalize(text: str, form: ValueForm) -> str:
    """Return `text` in the one form that all equivalent texts have."""
    words = " ".join(text.split())
    if form == "choice":
        chosen = re.search(r"\[(.+?)\]", words)
        return chosen[1] if chosen else words
    if form == "mask":
        return f"{int(words.replace(',', ''), 16):x}"
    return format_cpus(parse_cpus(words)) if form == "cpus" else words


def choices_of(file: FileText) -> list[str]:
    """Return the values that the file accepts; empty unless it, or the file `choices`, lists them."""
    if not file.choices and file.form != "choice":
        return []
    path = Path(file.path)
    listed = read_text(path.with_name(file.choices) if file.choices else path) or ""
    return listed.replace("[", "").replace("]", "").split()
