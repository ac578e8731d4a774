"""Applies a change of a kernel value, and says it as a command."""

import re
import shlex
from pathlib import Path
from typing import assert_never

from harness.model.knobs import (
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
from harness.testbed.network.namespace import own_sysfs_path
from harness.testbed.network.netlink import (
    loopback_attribute,
    loopback_route_option,
    set_loopback_attribute,
    set_loopback_route,
)
from harness.testbed.network.nft import TRACKING_HOOKS, TRACKING_TABLE, is_tracking, set_tracking
from harness.testbed.network.shell import tracking_commands
from harness.testbed.processes.process import REAL_TIME_POLICIES

SYSCTL_DIRECTORY = "/proc/sys/"
PROCESS_COMMANDS = {  # in the shell that starts the servers
    "nice": "renice -n {} -p $$",
    "scheduling": "chrt --{} -p {priority} $$",
    "timer_slack_ns": "echo {} > /proc/$$/timerslack_ns",
}
LastingChange = FileText | LoAttribute | LoRoute | ConntrackSwitch  # changes that outlive the process that makes them


def shell_command(change: KernelChange) -> str:
    """Return the shell command that makes `change`."""
    match change:
        case FileText():
            return _file_command(change)
        case FirstExistingFile():
            return " || ".join(map(_file_command, change.files))
        case LoAttribute():
            return f"ip link set lo {change.name} {shlex.quote(str(change.value))}"
        case LoRoute():
            option = f"{change.name} {shlex.quote(str(change.value))}"
            return f"ip route change local 127.0.0.1 dev lo table local proto kernel src 127.0.0.1 {option}"
        case ConntrackSwitch():
            return (
                "; ".join(tracking_commands(TRACKING_TABLE, TRACKING_HOOKS))
                if change.on
                else f"nft delete table inet {TRACKING_TABLE} 2>/dev/null || true"
            )
        case ServerAttribute():
            value, priority = shlex.quote(str(change.value)), int(change.value in REAL_TIME_POLICIES)
            return PROCESS_COMMANDS[change.name].format(value, priority=priority)
        case HeldOpenFile():
            return f"exec 9<>{change.path}; printf '%08x' {change.number} >&9"
        case _:
            assert_never(change)


def _file_command(file: FileText) -> str:
    if file.path.startswith(SYSCTL_DIRECTORY):
        return f"sysctl -w {file.path.removeprefix(SYSCTL_DIRECTORY).replace('/', '.')}={_quote(file.text)}"
    if "*" in file.path:
        return f"for file in {file.path}; do echo {shlex.quote(file.text)} >$file; done"
    return f"echo {shlex.quote(file.text)} >{shlex.quote(file.path)}"


def _quote(text: str) -> str:
    """Quote `text` even where no shell needs it: many sysctls hold several numbers."""
    return "'" + text.replace("'", "'\\''") + "'"


def apply_change(change: LastingChange) -> None:
    """Make a change, in this thread's network where it belongs to one. Raises OSError."""
    match change:
        case FileText():
            with own_sysfs_path(change.path) as path:
                path.write_text(change.text)
        case LoAttribute():
            set_loopback_attribute(change)
        case LoRoute():
            set_loopback_route(change)
        case ConntrackSwitch():
            set_tracking(on=change.on)
        case _:
            assert_never(change)


def read_change(change: LastingChange) -> str:
    """Return the present value, comparable with `wanted`. Raises OSError."""
    match change:
        case FileText():
            with own_sysfs_path(change.path) as path:
                return normalized(path.read_text(), change.form)
        case LoAttribute():
            return loopback_attribute(change.name)
        case LoRoute():
            return loopback_route_option(change.name)
        case ConntrackSwitch():
            return "on" if is_tracking() else "off"
        case _:
            assert_never(change)


def wanted_value(change: KernelChange) -> str:
    """Return the value that `change` asks for, comparable with `seen`."""
    match change:
        case FileText():
            return normalized(change.text, change.form)
        case ConntrackSwitch():
            return "on" if change.on else "off"
        case FirstExistingFile():
            return wanted_value(change.files[0])
        case HeldOpenFile():
            return str(change.number)
        case _:
            return str(change.value)


def normalized(text: str, form: ValueForm) -> str:
    """Return one spelling for all equivalent ones."""
    words = " ".join(text.split())
    if form == "choice":
        chosen = re.search(r"\[(.+?)\]", words)
        return chosen[1] if chosen else words
    if form == "mask":
        return f"{int(words.replace(',', ''), 16):x}"
    return format_cpus(parse_cpus(words)) if form == "cpus" else words


def choices_of(file: FileText) -> list[str]:
    """Return the values that the file takes, where it or one beside it lists them."""
    if not file.choices and file.form != "choice":
        return []
    path = Path(file.path)
    listed = read_text(path.with_name(file.choices) if file.choices else path) or ""
    return listed.replace("[", "").replace("]", "").split()
