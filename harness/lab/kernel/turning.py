"""Applies changes to the kernel, and reads back its values."""

import re
from pathlib import Path
from typing import assert_never

from harness.lab.kernelfiles import format_cpus, parse_cpus, read
from harness.lab.network.loopback import attribute, route_option, set_attribute, set_route
from harness.lab.network.sysfs import seen_here
from harness.lab.network.tracking import is_tracking, set_tracking
from harness.model.knobs import Change, FileText, FirstOf, Form, HeldOpen, LoAttribute, LoRoute, Tracking

Turned = FileText | LoAttribute | LoRoute | Tracking  # changes that outlive the process that makes them


def turn(change: Turned) -> None:
    """Make a change, in this thread's network where it belongs to one. Raises OSError."""
    match change:
        case FileText():
            with seen_here(change.path) as path:
                path.write_text(change.text)
        case LoAttribute():
            set_attribute(change)
        case LoRoute():
            set_route(change)
        case Tracking():
            set_tracking(on=change.on)
        case _:
            assert_never(change)


def seen(change: Turned) -> str:
    """Return the present value, comparable with `wanted`. Raises OSError."""
    match change:
        case FileText():
            with seen_here(change.path) as path:
                return normal(path.read_text(), change.form)
        case LoAttribute():
            return attribute(change.name)
        case LoRoute():
            return route_option(change.name)
        case Tracking():
            return "on" if is_tracking() else "off"
        case _:
            assert_never(change)


def wanted(change: Change) -> str:
    """Return the value that `change` asks for, comparable with `seen`."""
    match change:
        case FileText():
            return normal(change.text, change.form)
        case Tracking():
            return "on" if change.on else "off"
        case FirstOf():
            return wanted(change.files[0])
        case HeldOpen():
            return str(change.number)
        case _:
            return str(change.value)


def normal(text: str, form: Form) -> str:
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
    listed = read(path.with_name(file.choices) if file.choices else path) or ""
    return listed.replace("[", "").replace("]", "").split()
