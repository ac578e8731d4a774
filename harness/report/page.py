"""Rich renderables as one string: plain text for a pipe or a file, colored for a terminal."""

import io
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

READABLE = 100  # characters in a line of prose
GAP = 2
NO_BREAK = "\N{NO-BREAK SPACE}"
BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|(?:us|ms|s|min|h)\b)")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Prose that wraps between words, but never between a number and its unit."""

    text: str
    style: str = ""
    first_indent: str = ""
    indent: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = textwrap.fill(
            BEFORE_UNIT.sub(NO_BREAK, self.text),
            min(options.max_width, READABLE),
            initial_indent=self.first_indent,
            subsequent_indent=self.indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield Text(lines.replace(NO_BREAK, " "), style=self.style, no_wrap=True, overflow="ignore")


def verbatim(text: str) -> Group:
    """Return text that never wraps, so that a command line can be copied."""
    return Group(Text(text, no_wrap=True, overflow="ignore"))


def heading(text: str) -> Text:
    """Return a bold heading."""
    return Text(text, style="bold")


def grid() -> Table:
    """Return an empty table in the common style, with GAP characters between columns."""
    return Table(box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")


def render(parts: Iterable[RenderableType], *, width: int | None, color: bool) -> str:
    """Return the `parts` below each other; `width` None is the width of the terminal, or 80 without one."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in parts:
        console.print(part, crop=False)
    return "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))
