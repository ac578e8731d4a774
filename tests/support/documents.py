"""The code in the documents: blocks, and the commands in them."""

import re
import subprocess
from dataclasses import dataclass

from tests.support.command import CHECKOUT

DOCUMENTS = ("README.md", "GUIDE.md", "LADDER.md")
INLINE = re.compile(r"barehop \S|scripts/[\w.-]")
HEADING = re.compile(r"#+ (.+)")
FENCE = re.compile(r"( *)```(\w*)")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: its language, the headings above it, and the last line of text before it."""

    language: str
    headings: tuple[str, ...]
    lead: str
    text: str


def text_of(document: str) -> str:
    return (CHECKOUT / document).read_text(encoding="utf-8")


def prose_of(document: str) -> str:
    """Return a document without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", text_of(document), flags=re.DOTALL | re.MULTILINE)


def blocks_of(document: str) -> list[Block]:
    """Return the blocks of a document in their order."""
    found: list[Block] = []
    headings: dict[int, str] = {}
    lead, fence, lines = "", None, list[str]()
    for line in text_of(document).splitlines():
        if fence and line.strip() == "```":
            found.append(Block(fence[2], tuple(headings.values()), lead, "\n".join(lines) + "\n"))
            fence = None
        elif fence:
            lines.append(line.removeprefix(fence[1]))
        elif fence := FENCE.fullmatch(line):
            lines = []
        elif heading := HEADING.fullmatch(line):
            depth = line.index(" ")
            headings = {level: text for level, text in headings.items() if level < depth} | {depth: heading[1]}
        else:
            lead = line or lead
    return found


def inline_commands() -> tuple[str, ...]:
    """Return the commands in text and tables, each once. In a row that begins with one, options belong to it."""
    found: list[str] = []
    for document in DOCUMENTS:
        text = re.sub(r"(?<!\|)\n(?!\|)", " ", prose_of(document))  # a command may go on in the next line
        for line in text.splitlines():
            spans = [span.replace("\\|", "|") for span in re.findall(r"`([^`]+)`", line)]
            found += [span for span in spans if INLINE.match(span)]
            if line.startswith("| `barehop "):
                own = spans[0].split()[1]
                found += [f"{spans[0]} {span}" for span in spans[1:] if span.startswith("-")]
                found += [f"barehop {span}" for span in spans[1:] if span.startswith(f"{own} ")]
    return tuple(dict.fromkeys(found))


def commands_of(text: str) -> list[str]:
    """Return the commands of shell text; one that needs several lines, like a loop, is one."""
    found, waiting = list[str](), ""
    for line in text.splitlines(keepends=True):
        waiting += line
        if not waiting.strip() or waiting.lstrip().startswith("#"):
            waiting = ""
        elif is_complete(waiting):
            found.append(waiting.replace("\\\n", " ").strip())
            waiting = ""
    assert waiting == "", f"not a command: {waiting}"
    return found


def is_complete(text: str) -> bool:
    """Return whether a shell needs no further line."""
    checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return not text.endswith("\\\n") and checked.returncode == 0 and not checked.stderr
