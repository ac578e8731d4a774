"""The events of `[counters]`: perf events and tracepoints that an experiment counts, each under a name."""

import re
from collections.abc import Iterator, Mapping

from harness.experiment.problems import ConfigProblem

MAX_COUNTERS = 16
MAX_NAME_LENGTH, MAX_EVENT_LENGTH = 40, 200
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# One event with modifiers, like skb:consume_skb, page-faults:u or cpu/event=0x3c,umask=1/. perf reads other texts as an
# option, a list, a group or a pattern, and runs files of these kinds as programs in the kernel.
EVENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(:[A-Za-z0-9_.-]+)*(/[A-Za-z0-9_.,:=-]*/[A-Za-z]*)?")
PROGRAM_FILES = (".c", ".o", ".bpf")


def counter_problems(counters: Mapping[str, str]) -> Iterator[ConfigProblem]:
    """Yield what is wrong with the names and the events of `counters`, whatever the machine."""
    if len(counters) > MAX_COUNTERS:
        yield ConfigProblem(("counters",), counters, f"has {len(counters)} events; at most {MAX_COUNTERS} are counted.")
    names: dict[str, str] = {}
    for name, event in counters.items():
        earlier = names.setdefault(event, name)
        repetition = "" if earlier == name else f"counters.{earlier} counts the same event. Keep one of them."
        if text := _name_problem(name) or _event_problem(event) or repetition:
            yield ConfigProblem(("counters", name), event, text)


def _name_problem(name: str) -> str:
    if NAME.fullmatch(name) and len(name) <= MAX_NAME_LENGTH:
        return ""
    return (
        f'a name has letters, digits, "_" and "-", begins with a letter, and has at most {MAX_NAME_LENGTH} characters.'
    )


def _event_problem(event: str) -> str:
    if EVENT.fullmatch(event) and len(event) <= MAX_EVENT_LENGTH and not event.endswith(PROGRAM_FILES):
        return ""
    return 'write one event as perf list shows it, like "skb:consume_skb": no list, group or pattern.'
