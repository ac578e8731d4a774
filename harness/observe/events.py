"""Asks perf whether it can count the events of `[counters]` on this machine. Starts nothing else."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from harness.experiment.problems import ConfigProblem, suggest
from harness.observe.perf import INSTALL_ADVICE, RIGHTS_ADVICE, UNSUPPORTED, can_count, with_tracefs
from harness.testbed.processes.output import ProgramOutput, read_output
from harness.testbed.servers.programs import find_program

PROBE_TIMEOUT_S = 10.0
REASON_MARK = "\\___ "  # perf draws an arrow from the wrong part of an event to the reason
WAY_OUT = "Leave it out."
WITHOUT_COUNTERS = "To run without: --set counters={}"


def event_problems(counters: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each event of `counters` that cannot be counted here, or one for all of them."""
    program = find_program("perf")
    if not counters:
        return
    if program is None:
        yield f"[counters] needs the program 'perf'. {INSTALL_ADVICE} {WITHOUT_COUNTERS}"
    elif not can_count():
        yield f"[counters] needs more rights. {RIGHTS_ADVICE} {WITHOUT_COUNTERS}"
    else:
        for name, event in counters.items():
            if text := _event_problem(program, event):
                yield str(ConfigProblem(("counters", name), event, text))


def _event_problem(program: str, event: str) -> str:
    try:
        answer = _ask(program, "stat", "-x", ";", "-e", event, "true")
    except OSError as error:
        return f"perf does not answer ({str(error) or f'within {PROBE_TIMEOUT_S:g} s'}). {WAY_OUT}"
    if answer.code:
        return f"perf says {_reason(answer.err)!r}.{suggest(event, _known_events(program)) or ' See perf list.'}"
    return count_problem([line.split(";") for line in answer.err.splitlines() if ";" in line])


def count_problem(rows: Sequence[Sequence[str]]) -> str:
    """Return why the lines that perf gave for an event (count, unit, event, ...) are not one number; "" if they are."""
    if len(rows) != 1:
        events = ", ".join(row[2] for row in rows if len(row) > 2)
        return f"perf counts {len(rows)} events by this name ({events}). Name one of them."
    count, unit, *_ = rows[0]
    if count == UNSUPPORTED:
        return f"this machine does not support it; virtual machines often have no hardware counters. {WAY_OUT}"
    return f"it is measured in {unit}, and a counter is a number of events. {WAY_OUT}" if unit else ""


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if REASON_MARK in line), next(iter(lines), ""))[:200].removeprefix(REASON_MARK)


@cache
def _known_events(program: str) -> tuple[str, ...]:
    try:
        return tuple(_ask(program, "list", "--raw-dump").out.split())
    except OSError:  # there are too many, or it takes too long
        return ()


def _ask(program: str, *arguments: str) -> ProgramOutput:
    return read_output(with_tracefs((program, *arguments)), PROBE_TIMEOUT_S, env={**os.environ, "LC_ALL": "C"})
