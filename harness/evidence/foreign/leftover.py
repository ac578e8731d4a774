"""Sentences on what else a file holds beside the runs that were read: nothing in it is passed over in silence."""

import re
from collections.abc import Iterator, Mapping, Sequence

from harness.evidence.foreign.parts import Part
from harness.evidence.foreign.unread import UNREAD
from harness.model import Foreign

NUMBERED = re.compile(r"\d")  # a line without a digit holds no result
NOISE = re.compile(  # of shells, terminals, containers and spreadsheets
    r"(?:[$#%>+] |PS [^>]*>|\S+@\S+[:~ ].*[$#%]|Script (?:started|done)|sep=|Attaching to |real\s|user\s|sys\s).*"
    r"|\S+ exited with code \d+|COMMAND_EXIT_CODE=.*|##?\[.*"
)
LONGEST = 60


def unread_output(parts: Sequence[Part]) -> Iterator[str]:
    """One for each kind of output that is known and not read."""
    known = {one.what: one for one in UNREAD}
    found = dict.fromkeys(part.kind.name for part in parts if part.kind and not part.kind.is_read)
    for name in found:
        yield f"The file also holds {name}, which is not read. Instead, {known[name].instead}."


def unread_lines(parts: Sequence[Part], knows: Mapping[str, re.Pattern[str] | None]) -> Iterator[str]:
    """One on all lines with numbers that are of no run, or that its tool does not print."""
    lines = [line for part in parts for line in _unknown(part, knows)]
    if lines:
        first = lines[0] if len(lines[0]) <= LONGEST else f"{lines[0][: LONGEST - 3]}..."
        yield f"Lines in no known form were not read: {len(lines)}, the first {first!r}."


def mixed(runs: Sequence[Foreign]) -> Iterator[str]:
    """What several tools measure is not the same, even of one architecture."""
    formats = list(dict.fromkeys(run.format for run in runs))
    if len(formats) > 1 and len({run.architecture for run in runs}) == 1:
        yield (
            f"The file holds runs of {', '.join(formats)}, which count as runs of one architecture here. Give each "
            "tool a file of its own."
        )


def _unknown(part: Part, knows: Mapping[str, re.Pattern[str] | None]) -> Iterator[str]:
    known = None
    if part.kind:
        known = knows.get(part.kind.name)
        if known is None:  # not read, or its reader refuses such lines
            return
    for line in filter(None, part.text.split("\n")):
        if NUMBERED.search(line) and not NOISE.fullmatch(line) and not (known and known.fullmatch(line)):
            yield line
