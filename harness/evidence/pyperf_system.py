"""Reads the output of `pyperf system show`, subject by subject; it changes nothing."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from harness.lab.output import read_output
from harness.start import module_command

PYPERF_TIMEOUT_S = 20.0
SECTIONS = {"System state": "state", "Advices": "advice", "Warnings": "warning", "Errors": "warning"}


@dataclass(frozen=True, slots=True)
class Subject:
    """The states, warnings and advice of pyperf on one subject, like "ASLR"."""

    name: str
    states: tuple[str, ...]
    warnings: tuple[str, ...]
    advices: tuple[str, ...]


def pyperf_system() -> list[Subject]:
    """Return the subjects of `pyperf system show`; empty where pyperf does not answer."""
    command = [sys.executable, *module_command("pyperf"), "system", "show"]
    try:
        return subjects(read_output(command, PYPERF_TIMEOUT_S).out)
    except OSError:
        return []


def subjects(text: str) -> list[Subject]:
    """Parse the sections, which have lines `Subject: text`."""
    lines = list(_system_lines(text))
    names = dict.fromkeys(name for _, name, _ in lines)
    return [
        Subject(name, _texts(lines, name, "state"), _texts(lines, name, "warning"), _texts(lines, name, "advice"))
        for name in names
    ]


SystemLine = tuple[str, str, str]  # section, subject, text


def _system_lines(text: str) -> Iterator[SystemLine]:
    section = ""
    for line in text.splitlines():
        section = SECTIONS.get(line.strip(), section)
        name, colon, text = line.partition(": ")
        if section and colon and line.strip() not in SECTIONS:
            yield section, name.strip(), text.strip()


def _texts(lines: list[SystemLine], name: str, section: str) -> tuple[str, ...]:
    return tuple(text for line_section, subject, text in lines if (line_section, subject) == (section, name))
