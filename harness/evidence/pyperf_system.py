"""What `pyperf system show` says of this machine, subject by subject; it changes nothing."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from harness.lab.output import read_output
from harness.start import module_command

ANSWER_S = 20.0
TITLES = {"System state": "state", "Advices": "advice", "Warnings": "warning", "Errors": "warning"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What pyperf sees of one subject, like "ASLR", what it warns of, and what it would change."""

    name: str
    states: tuple[str, ...]
    warnings: tuple[str, ...]
    advices: tuple[str, ...]


def pyperf_system() -> list[Subject]:
    """Nothing where pyperf does not answer."""
    command = [sys.executable, *module_command("pyperf"), "system", "show"]
    try:
        return subjects(read_output(command, ANSWER_S).out)
    except OSError:
        return []


def subjects(text: str) -> list[Subject]:
    """From its sections, whose lines are `Subject: what it says`."""
    lines = list(_lines(text))
    names = dict.fromkeys(name for _, name, _ in lines)
    return [
        Subject(name, _said(lines, name, "state"), _said(lines, name, "warning"), _said(lines, name, "advice"))
        for name in names
    ]


Line = tuple[str, str, str]  # section, subject, what it says


def _lines(text: str) -> Iterator[Line]:
    section = ""
    for line in text.splitlines():
        section = TITLES.get(line.strip(), section)
        name, colon, said = line.partition(": ")
        if section and colon and line.strip() not in TITLES:
            yield section, name.strip(), said.strip()


def _said(lines: list[Line], name: str, section: str) -> tuple[str, ...]:
    return tuple(said for where, whose, said in lines if (where, whose) == (section, name))
