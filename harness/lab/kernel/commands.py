"""A change of the kernel as a line of a shell script."""

import shlex
from typing import assert_never

from harness.lab.kernel.scheduling import REAL_TIME_POLICIES
from harness.lab.network.commands import tracking_commands
from harness.lab.network.tracking import HOOKS, TABLE
from harness.model.knobs import Change, FileText, FirstOf, HeldOpen, LoAttribute, LoRoute, OfServers, Tracking

SYSCTLS = "/proc/sys/"
PROCESS_COMMANDS = {  # in the shell that starts the servers
    "nice": "renice -n {} -p $$",
    "scheduling": "chrt --{} -p {priority} $$",
    "timer_slack_ns": "echo {} > /proc/$$/timerslack_ns",
}


def command(change: Change) -> str:
    """Return the shell command that makes `change`."""
    match change:
        case FileText():
            return _file_command(change)
        case FirstOf():
            return " || ".join(map(_file_command, change.files))
        case LoAttribute():
            return f"ip link set lo {change.name} {shlex.quote(str(change.value))}"
        case LoRoute():
            option = f"{change.name} {shlex.quote(str(change.value))}"
            return f"ip route change local 127.0.0.1 dev lo table local proto kernel src 127.0.0.1 {option}"
        case Tracking():
            return (
                "; ".join(tracking_commands(TABLE, HOOKS))
                if change.on
                else f"nft delete table inet {TABLE} 2>/dev/null || true"
            )
        case OfServers():
            value, priority = shlex.quote(str(change.value)), int(change.value in REAL_TIME_POLICIES)
            return PROCESS_COMMANDS[change.name].format(value, priority=priority)
        case HeldOpen():
            return f"exec 9<>{change.path}; printf '%08x' {change.number} >&9"
        case _:
            assert_never(change)


def _file_command(file: FileText) -> str:
    if file.path.startswith(SYSCTLS):
        return f"sysctl -w {file.path.removeprefix(SYSCTLS).replace('/', '.')}={_quote(file.text)}"
    if "*" in file.path:
        return f"for file in {file.path}; do echo {shlex.quote(file.text)} >$file; done"
    return f"echo {shlex.quote(file.text)} >{shlex.quote(file.path)}"


def _quote(text: str) -> str:
    """Quote `text` even where no shell needs it: many sysctls hold several numbers."""
    return "'" + text.replace("'", "'\\''") + "'"
