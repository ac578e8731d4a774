"""Turns knobs: makes a change in the kernel, reads back what it has, and says how it is done by hand."""

import re
from typing import assert_never

from harness.lab import loopback, tracking
from harness.lab.kernelfiles import format_cpus, parse_cpus
from harness.lab.sysfs import seen_here
from harness.model.knobs import Change, FileText, Form, HeldOpen, LoAttribute, LoRoute, OfServers, Tracking

SYSCTLS = "/proc/sys/"

Turned = FileText | LoAttribute | LoRoute | Tracking  # what stays as it is left; the others go with a process or a file


def turn(change: Turned) -> None:
    """In this thread's network, where it is a network's. Raises OSError with what the kernel says."""
    match change:
        case FileText():
            with seen_here(change.path) as path:
                path.write_text(change.text)
        case LoAttribute():
            loopback.set_attribute(change)
        case LoRoute():
            loopback.set_route(change)
        case Tracking():
            tracking.set_tracking(on=change.on)
        case _:
            assert_never(change)


def seen(change: Turned) -> str:
    """What the kernel has now, comparable with `wanted`. Raises OSError."""
    match change:
        case FileText():
            with seen_here(change.path) as path:
                return normal(path.read_text(), change.form)
        case LoAttribute():
            return loopback.attribute(change.name)
        case LoRoute():
            return loopback.route_option(change.name)
        case Tracking():
            return "on" if tracking.is_tracking() else "off"
        case _:
            assert_never(change)


def wanted(change: Change) -> str:
    match change:
        case FileText():
            return normal(change.text, change.form)
        case Tracking():
            return "on" if change.on else "off"
        case HeldOpen():
            return str(change.number)
        case _:
            return str(change.value)


def normal(text: str, form: Form) -> str:
    """One spelling for all that mean the same."""
    words = " ".join(text.split())
    if form == "choice":
        chosen = re.search(r"\[(.+?)\]", words)
        return chosen[1] if chosen else words
    if form == "mask":
        return f"{int(words.replace(',', ''), 16):x}"
    return format_cpus(parse_cpus(words)) if form == "cpus" else words


def by_hand(change: Change) -> str:
    """A line of a shell script."""
    match change:
        case FileText() if change.path.startswith(SYSCTLS):
            name = change.path.removeprefix(SYSCTLS).replace("/", ".")
            return f"sysctl -w {name}='{change.text}'"
        case FileText():
            return f"echo {change.text} > {change.path}"
        case LoAttribute():
            return f"ip link set lo {change.name} {change.value}"
        case LoRoute():
            option = f"{change.name} {change.value}"
            return f"ip route change local 127.0.0.1 dev lo table local proto kernel src 127.0.0.1 {option}"
        case Tracking():
            return _filter_by_hand(on=change.on)
        case OfServers():
            return SERVERS_BY_HAND[change.name].format(change.value)
        case HeldOpen():
            return f"exec 9<> {change.path}; printf '%08x' {change.number} >&9"
        case _:
            assert_never(change)


SERVERS_BY_HAND = {
    "nice": "renice -n {} -p $$",
    "scheduling": "chrt --{} -p 0 $$",
    "timer_slack_ns": "echo {} > /proc/$$/timerslack_ns",
}


def _filter_by_hand(*, on: bool) -> str:
    if not on:
        return ": # no packet filter asks for the state of connections"
    table = f"inet {tracking.TABLE}"
    chains = (
        f"nft 'add chain {table} {hook} {{ type filter hook {hook} priority 0; }}'; "
        f"nft add rule {table} {hook} ct state established accept"
        for hook in tracking.HOOKS
    )
    return "; ".join((f"nft add table {table}", *chains))
