"""A text without what terminals, consoles, editors, logs and pages put into it: no number depends on any of that."""

import html
import json
import re
from itertools import count
from operator import itemgetter

ESCAPES = re.compile(
    r"(?:\x1b|\^\[)\[[0-?]*[ -/]*[@-~]"  # colours and moves, also as cat -v shows them
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # titles of windows
    r"|\x1b[()][0-9A-B]|\x1b[=>78cDEHM]"
)
ENDS = re.compile(r"(?:\^M)?\r*\n|\^M$|\r", re.MULTILINE)
BACKSPACE = re.compile(r"[^\n\x08]\x08")
BLANKS = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000\v\f]")
INVISIBLE = re.compile("[\x00\x07\x08\x0e\x0f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060\ufeff]|\x1b")
ENTITY = re.compile(r"&(?:nbsp|lt|gt|amp|quot|apos|#\d+|#x[0-9a-fA-F]+);")
LINE = re.compile(r"^.*\S", re.MULTILINE)
TRAILING = re.compile(r" +$", re.MULTILINE)
FRAME = re.compile(  # of Markdown, a page, script
    r"^[ \t]*(?:(?:```+|~~~+)[\w+. -]*|</?(?:pre|code)(?: [^>\n]*)?>|Script (?:started|done)\b.*)[ \t]*\n", re.MULTILINE
)

STORED = re.compile(  # by docker, a line each: what /var/lib/docker/containers holds
    r'^\{"log": ?"((?:[^"\\\n]|\\(?:["\\/bfnrt]|u[\da-f]{4}))*)", ?"stream": ?"\w+", ?[^\n]*"time": ?"[^"\n]*"\}$',
    re.MULTILINE,
)
STAMP = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?"
PREFIXES = tuple(
    re.compile(rf"^(?:{pattern})(?: |$)", re.MULTILINE)
    for pattern in (
        r"(?P<source>[\w][\w.-]*) *\|",  # docker compose
        r"(?P<source>\[pod/[^\]\s]+\])",  # kubectl logs --prefix
        rf"[^\t\n]+\t[^\t\n]+\t{STAMP}",  # gh run view --log
        rf"{STAMP} \d\d[OE]\+?",  # GitLab
        rf"\[?{STAMP}\]?(?: std(?:out|err) [FP])?",  # docker logs -t, GitHub Actions, Kubernetes, ts
        r"\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?",
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?P<source>[\w.-]+ [\w./@-]+(?:\[\d+\])?):",  # journald, syslog
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d",  # ts
        r"#\d+ \d+\.\d+",  # docker build
        r">",  # a quotation
    )
)
FEWEST = 3  # lines with a prefix, where there are so many: fewer can be anything
SAMPLE = 65536  # letters in which a prefix shows
LAYERS = 4  # a log in a log, quoted


def tidy(text: str) -> str:
    """Lines end in a line feed and have no blanks at their ends but tabs, which may separate columns."""
    text = STORED.sub(lambda found: json.loads(f'"{found[1]}"', strict=False).removesuffix("\n"), text)
    text = ESCAPES.sub("", text)
    text = ENDS.sub("\n", text) if "\r" in text or "^M" in text else text
    text = INVISIBLE.sub("", BACKSPACE.sub("", text))
    text = FRAME.sub("", TRAILING.sub("", BLANKS.sub(" ", text)))
    text = _without_prefixes(text)
    if "&nbsp;" in text or "&#160;" in text:
        text = ENTITY.sub(lambda found: html.unescape(found[0]).replace("\xa0", " "), text)
    return TRAILING.sub("", FRAME.sub("", text))


def plain(text: str) -> str:
    """The same lines for a format without columns: between words is one blank, and none at the ends of a line."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


def _without_prefixes(text: str) -> str:
    """What the lines of a log begin with goes; where it names several sources, the lines of each come together."""
    for _ in range(LAYERS):
        prefix = _prefix_of(text[:SAMPLE])
        if prefix is None:
            return text
        text = _by_source(text, prefix) if "source" in prefix.groupindex else prefix.sub("", text)
    return text


def _prefix_of(text: str) -> re.Pattern[str] | None:
    """The one that most lines begin with: what some begin with can be words of the text after another."""
    lines = len(LINE.findall(text))
    found = {prefix: len(prefix.findall(text)) for prefix in PREFIXES}
    most = max(PREFIXES, key=lambda prefix: found[prefix])
    return most if lines and found[most] >= min(lines, FEWEST) else None


def _by_source(text: str, prefix: re.Pattern[str]) -> str:
    """A line without a prefix stays with the line above."""
    first, source = count(), ""
    order: dict[str, int] = {}
    lines: list[tuple[int, str]] = []
    *whole, rest = text.split("\n")
    for line in whole:
        found = prefix.match(line)
        source = found["source"] if found else source
        lines.append((order.setdefault(source, next(first)), line[found.end() :] if found else line))
    lines.sort(key=itemgetter(0))
    return "".join(f"{line}\n" for _, line in lines) + prefix.sub("", rest)
