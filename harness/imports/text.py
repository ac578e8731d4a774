"""Decodes and normalizes the text of a file before any format reads it."""

import codecs
import html
import json
import re
from itertools import count
from operator import itemgetter

BYTE_ORDER_MARKS = {  # the longer first: the mark of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UTF16_SAMPLE_BYTES = 4096
UTF16_ZERO_SHARE = 0.7  # share of zeros in every second byte of a Western text in UTF-16
NON_UTF8_SHARE = 0.1  # maximum share of bytes beyond ASCII in a text in a Western alphabet
CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\v\f\r\x0e\x0f\x1b\b\a\x00")
LONE_BYTES = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8
CP1252_UNDEFINED = frozenset(b"\x81\x8d\x8f\x90\x9d")  # Windows-1252 is Latin-1 with dashes and quotes
CP1252 = {0xDC00 + byte: bytes([byte]).decode("cp1252") for byte in range(0x80, 0x100) if byte not in CP1252_UNDEFINED}

TERMINAL_ESCAPES = re.compile(
    r"(?:\x1b|\^\[)\[[0-?]*[ -/]*[@-~]"  # colours and moves, also as cat -v shows them
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # titles of windows
    r"|\x1b[()][0-9A-B]|\x1b[=>78cDEHM]"
)
LINE_ENDS = re.compile(r"(?:\^M)?\r*\n|\^M$|\r", re.MULTILINE)
BACKSPACE = re.compile(r"[^\n\x08]\x08")
BLANKS = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000\v\f]")
INVISIBLE = re.compile("[\x00\x07\x08\x0e\x0f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060\ufeff]|\x1b")
ENTITY = re.compile(r"&(?:nbsp|lt|gt|amp|quot|apos|#\d+|#x[0-9a-fA-F]+);")
NON_BLANK_LINE = re.compile(r"^.*\S", re.MULTILINE)
TRAILING = re.compile(r" +$", re.MULTILINE)
FRAME = re.compile(  # of Markdown, a page, script
    r"^[ \t]*(?:(?:```+|~~~+)[\w+. -]*|</?(?:pre|code)(?: [^>\n]*)?>|Script (?:started|done)\b.*)[ \t]*\n", re.MULTILINE
)

DOCKER_LOG_LINE = re.compile(  # by docker, a line each: what /var/lib/docker/containers holds
    r'^\{"log": ?"((?:[^"\\\n]|\\(?:["\\/bfnrt]|u[\da-f]{4}))*)", ?"stream": ?"\w+", ?[^\n]*"time": ?"[^"\n]*"\}$',
    re.MULTILINE,
)
TIMESTAMP = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?"
PREFIXES = tuple(
    re.compile(rf"^(?:{pattern})(?: |$)", re.MULTILINE)
    for pattern in (
        r"(?P<source>[\w][\w.-]*) *\|",  # docker compose
        r"(?P<source>\[pod/[^\]\s]+\])",  # kubectl logs --prefix
        rf"[^\t\n]+\t[^\t\n]+\t{TIMESTAMP}",  # gh run view --log
        rf"{TIMESTAMP} \d\d[OE]\+?",  # GitLab
        rf"\[?{TIMESTAMP}\]?(?: std(?:out|err) [FP])?",  # docker logs -t, GitHub Actions, Kubernetes, ts
        r"\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?",
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?P<source>[\w.-]+ [\w./@-]+(?:\[\d+\])?):",  # journald, syslog
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d",  # ts
        r"#\d+ \d+\.\d+",  # docker build
        r">",  # a quotation
    )
)
MIN_PREFIXED_LINES = 3  # fewer lines with a prefix may be chance
PREFIX_SAMPLE_CHARS = 65536
MAX_PREFIXES = 4  # a log may be inside a log


def decode_text(raw: bytes) -> str:
    """Return the text of `raw`. Raise ValueError with the first byte that cannot be text.

    A few bytes that are not UTF-8 are decoded as Windows-1252: a micro sign in a log, or a dash.
    """
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if raw.startswith(mark)), "") or _utf_16(raw)
    if encoding:
        return raw.decode(encoding, "replace" if len(raw) % 2 else "strict")
    text = raw.decode("utf-8", "surrogateescape")
    lone = [ord(letter) - 0xDC00 for letter in LONE_BYTES.findall(text)]
    if len(lone) > NON_UTF8_SHARE * len(raw) or CP1252_UNDEFINED.intersection(lone) or CONTROLS.intersection(raw):
        first = LONE_BYTES.search(text)  # else a control character
        position = len(text[: first.start()].encode()) if first else next(filter(lambda i: raw[i] in CONTROLS, count()))
        raise ValueError(f"byte {position} is {raw[position]:#04x}")
    return text.translate(CP1252) if lone else text


def _utf_16(raw: bytes) -> str:
    """Return the encoding of UTF-16 without a mark, recognized by the zeros beside ASCII characters; "" otherwise."""
    sample = raw[:UTF16_SAMPLE_BYTES]
    half = len(sample) // 2
    if half < 2:
        return ""
    if sample[1::2].count(0) > UTF16_ZERO_SHARE * half and not sample[::2].count(0):
        return "utf-16-le"
    return "utf-16-be" if sample[::2].count(0) > UTF16_ZERO_SHARE * half and not sample[1::2].count(0) else ""


def clean_text(text: str) -> str:
    """Return clean lines: they end in a line feed, without blanks before it, but with tabs, which separate columns."""
    text = DOCKER_LOG_LINE.sub(lambda match: json.loads(f'"{match[1]}"', strict=False).removesuffix("\n"), text)
    text = TERMINAL_ESCAPES.sub("", text)
    text = LINE_ENDS.sub("\n", text) if "\r" in text or "^M" in text else text
    text = INVISIBLE.sub("", BACKSPACE.sub("", text))
    text = FRAME.sub("", TRAILING.sub("", BLANKS.sub(" ", text)))
    text = _without_prefixes(text)
    if "&nbsp;" in text or "&#160;" in text:
        text = ENTITY.sub(lambda match: html.unescape(match[0]).replace("\xa0", " "), text)
    return TRAILING.sub("", FRAME.sub("", text))


def collapse_blanks(text: str) -> str:
    """Return the lines with one blank between words, and none at the ends, for formats without columns."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


def _without_prefixes(text: str) -> str:
    """Remove the prefixes of log lines; where they name several sources, group the lines by source."""
    for _ in range(MAX_PREFIXES):
        prefix = _common_prefix(text[:PREFIX_SAMPLE_CHARS])
        if prefix is None:
            return text
        text = _group_by_source(text, prefix) if "source" in prefix.groupindex else prefix.sub("", text)
    return text


def _common_prefix(text: str) -> re.Pattern[str] | None:
    """Return the prefix of most lines; None where too few have one."""
    lines = len(NON_BLANK_LINE.findall(text))
    counts = {prefix: len(prefix.findall(text)) for prefix in PREFIXES}
    commonest = max(PREFIXES, key=lambda prefix: counts[prefix])
    return commonest if lines and counts[commonest] >= min(lines, MIN_PREFIXED_LINES) else None


def _group_by_source(text: str, prefix: re.Pattern[str]) -> str:
    """Group the lines by source; a line without a prefix stays with the line above."""
    number, source = count(), ""
    order: dict[str, int] = {}
    lines: list[tuple[int, str]] = []
    *complete, rest = text.split("\n")
    for line in complete:
        match = prefix.match(line)
        source = match["source"] if match else source
        lines.append((order.setdefault(source, next(number)), line[match.end() :] if match else line))
    lines.sort(key=itemgetter(0))
    return "".join(f"{line}\n" for _, line in lines) + prefix.sub("", rest)
