"""Decodes the bytes of a file: by its byte order mark, otherwise by what its bytes can be."""

import codecs
import re
from collections.abc import Iterator

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


def decode(raw: bytes) -> str:
    """Return the text of `raw`. Raise ValueError with the first byte that cannot be text.

    A few bytes that are not UTF-8 are decoded as Windows-1252: a micro sign in a log, or a dash.
    """
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if raw.startswith(mark)), "") or _utf_16(raw)
    if encoding:
        return raw.decode(encoding, "replace" if len(raw) % 2 else "strict")
    text = raw.decode("utf-8", "surrogateescape")
    lone = [ord(letter) - 0xDC00 for letter in LONE_BYTES.findall(text)]
    if len(lone) > NON_UTF8_SHARE * len(raw) or CP1252_UNDEFINED.intersection(lone) or CONTROLS.intersection(raw):
        position = next(_bad_bytes(raw, text))
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


def _bad_bytes(raw: bytes, text: str) -> Iterator[int]:
    """Yield the positions of bytes that are not text, the first one that is not UTF-8 first."""
    first = LONE_BYTES.search(text)
    if first:
        yield len(text[: first.start()].encode("utf-8"))
    yield from (position for position, byte in enumerate(raw) if byte in CONTROLS)
