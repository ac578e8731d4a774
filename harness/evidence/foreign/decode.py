"""Bytes of a file become text: by its byte order mark, or else by what its bytes can be."""

import codecs
import re
from collections.abc import Iterator

MARKS = {  # the longer first: that of UTF-32 begins as that of UTF-16 does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SAMPLE_BYTES = 4096
MOSTLY = 0.7  # of every second byte is 0 in UTF-16 of a Western text
FEW = 0.1  # of a text in a Western alphabet is not ASCII
CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\v\f\r\x0e\x0f\x1b\b\a\x00")
LONE = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8
UNDEFINED = frozenset(b"\x81\x8d\x8f\x90\x9d")  # in Windows-1252, which is Latin-1 with dashes and quotes
WINDOWS = {0xDC00 + byte: bytes([byte]).decode("cp1252") for byte in range(0x80, 0x100) if byte not in UNDEFINED}


def decode(raw: bytes) -> str:
    """The text of `raw`. Raises ValueError with the first byte that no text has.

    Bytes that are no UTF-8 are Windows-1252, each by itself, where they are few: a micro sign in a log, or a dash.
    """
    encoding = next((name for mark, name in MARKS.items() if raw.startswith(mark)), "") or _utf_16(raw)
    if encoding:
        return raw.decode(encoding, "replace" if len(raw) % 2 else "strict")
    text = raw.decode("utf-8", "surrogateescape")
    lone = [ord(letter) - 0xDC00 for letter in LONE.findall(text)]
    if len(lone) > FEW * len(raw) or UNDEFINED.intersection(lone) or CONTROLS.intersection(raw):
        place = next(_suspicious(raw, text))
        raise ValueError(f"byte {place} is {raw[place]:#04x}")
    return text.translate(WINDOWS) if lone else text


def _utf_16(raw: bytes) -> str:
    """UTF-16 without a mark shows in the zeros beside each ASCII character."""
    sample = raw[:SAMPLE_BYTES]
    half = len(sample) // 2
    if half < 2:
        return ""
    if sample[1::2].count(0) > MOSTLY * half and not sample[::2].count(0):
        return "utf-16-le"
    return "utf-16-be" if sample[::2].count(0) > MOSTLY * half and not sample[1::2].count(0) else ""


def _suspicious(raw: bytes, text: str) -> Iterator[int]:
    """Places of bytes that are no text, those that are no UTF-8 first."""
    first = LONE.search(text)
    if first:
        yield len(text[: first.start()].encode("utf-8"))
    yield from (place for place, byte in enumerate(raw) if byte in CONTROLS)
