"""Reports everything in a file that was not read."""

import re
from collections.abc import Iterator, Mapping, Sequence

from harness.evidence.foreign.parts import Part
from harness.evidence.foreign.unread import UNREAD
from harness.model import Foreign

HAS_DIGIT = re.compile(r"\d")  # a line without a digit holds no result
SHELL_LINE = re.compile(  # of shells, terminals, containers and spreadsheets
    r"(?:[$#%>+] |PS [^>]*>|\S+@\S+[:~ ].*[$#%]|Script (?:started|done)|sep=|Attaching to |real\s|user\s|sys\s).*"
    r"|\S+ exited with code \d+|COMMAND_EXIT_CODE=.*|##?\[.*"
)
MAX_SHOWN_CHARS = 60


def unread_output(parts: Sequence[Part]) -> Iterator[str]:
    """Yield a sentence for each kind of output that is known but not read."""
    known = {unread.what: unread for unread in UNREAD}
    names = dict.fromkeys(part.kind.name for part in parts if part.kind and not part.kind.is_read)
    for name in names:
        yield f"The file also holds {name}, which is not read. Instead, {known[name].instead}."


def unread_lines(parts: Sequence[Part], knows: Mapping[str, re.Pattern[str] | None]) -> Iterator[str]:
    """Yield a sentence on all lines with numbers that belong to no run, or that its tool does not print."""
    lines = [line for part in parts for line in _unknown_lines(part, knows)]
    if lines:
        first = lines[0] if len(lines[0]) <= MAX_SHOWN_CHARS else f"{lines[0][: MAX_SHOWN_CHARS - 3]}..."
        yield f"Lines in no known form were not read: {len(lines)}, the first {first!r}."


def mixed(runs: Sequence[Foreign]) -> Iterator[str]:
    """Yield a sentence where runs of several tools count as runs of one architecture."""
    formats = list(dict.fromkeys(run.format for run in runs))
    if len(formats) > 1 and len({run.architecture for run in runs}) == 1:
        yield (
            f"The file holds runs of {', '.join(formats)}, which count as runs of one architecture here. Use a file "
            "for each tool."
        )


def _unknown_lines(part: Part, knows: Mapping[str, re.Pattern[str] | None]) -> Iterator[str]:
    known = None
    if part.kind:
        known = knows.get(part.kind.name)
        if known is None:  # not read, or its reader refuses such lines
            return
    for line in filter(None, part.text.split("\n")):
        if HAS_DIGIT.search(line) and not SHELL_LINE.fullmatch(line) and not (known and known.fullmatch(line)):
            yield line
