"""Reads numbers as other tools print them: thousands, decimal commas, counts in JSON, labelled lines."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

DecimalMark = Literal[".", ","]

UNKNOWN_CELLS = ("", "-", "\u2013", "n/a", "na", "none", "null")
THOUSANDS_SEPARATOR = re.compile(r"(?<=\d)['\u2019 _](?=\d{3}(?!\d))")  # thousands: 1 679, 1'679, 1_679
PLAIN_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
GROUPED_NUMBER = re.compile(
    r"[+-]?[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*"
)  # 1,679 or 1.679.000, or a decimal with three digits
GROUPED_DECIMAL = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3})+(?!\1)([.,])\d+")  # 1,679.77 or 1.679,77
COMMA_DECIMAL = re.compile(r"[+-]?\d+,\d+")
NUMERIC_TEXT = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def _count(value: Any) -> Any:
    """Return a whole number as int; leave anything else for the validator to reject."""
    number = _number(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number


Count = Annotated[int, BeforeValidator(_count), Field(ge=0)]


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and NUMERIC_TEXT.fullmatch(value.strip()) else value


Number = Annotated[float, BeforeValidator(_number), Field(ge=0)]


def is_unknown(text: str) -> bool:
    """Whether a cell has no value."""
    return text.strip().lower() in UNKNOWN_CELLS


def decimal_mark(cells: Iterable[str], usual: DecimalMark | None = None) -> DecimalMark | None:
    """Return the decimal mark of a table from its unambiguous cells, or else `usual` if any cell has it.

    Raise ValueError if two cells contradict each other.
    """
    cell_by_mark: dict[DecimalMark, str] = {}
    numbers = list(cells)
    for cell in numbers:
        mark = _sure_mark(THOUSANDS_SEPARATOR.sub("", cell.strip()))
        if mark:
            cell_by_mark.setdefault(mark, cell)
    if len(cell_by_mark) > 1:
        raise ValueError(
            f"it has {cell_by_mark['.']!r} with a decimal point and {cell_by_mark[',']!r} with a decimal comma. "
            "Write all its numbers with a point."
        )
    return next(iter(cell_by_mark), usual if usual and any(usual in cell for cell in numbers) else None)


def parse_number(text: str, mark: DecimalMark | None) -> float:
    """Return the number in a cell of a table with that decimal mark. Raise ValueError with the reason."""
    bare = THOUSANDS_SEPARATOR.sub("", text.strip())
    if mark is None and GROUPED_NUMBER.fullmatch(bare) and "," in bare and bare.count(",") == 1:
        both = f"{bare.replace(',', '.')} or {bare.replace(',', '')}"
        raise ValueError(f"{text!r}, which can mean {both}. Write it without a comma")
    thousands = "." if mark == "," else ","
    if bare.count(thousands) > (1 if mark is None else 0):
        bare = _without_groups(bare, thousands)
    bare = bare.replace(",", ".") if mark == "," else bare
    try:
        return float(bare)
    except ValueError:
        raise ValueError(f"{text!r}, which is no number{_hint(text)}") from None


def count_decimals(text: str, mark: DecimalMark | None) -> int:
    """Return the number of digits after the decimal mark."""
    return len(text.strip().partition(mark or ".")[2])


def _sure_mark(cell: str) -> DecimalMark | None:
    both = GROUPED_DECIMAL.fullmatch(cell)
    if both:
        return "," if both[2] == "," else "."
    if COMMA_DECIMAL.fullmatch(cell) and not GROUPED_NUMBER.fullmatch(cell):
        return ","
    groups = GROUPED_NUMBER.fullmatch(cell)
    if groups and cell.count(groups[1]) > 1:
        return "." if groups[1] == "," else ","
    return "." if "." in cell and PLAIN_NUMBER.fullmatch(cell) and not groups else None


def _without_groups(number: str, thousands: str) -> str:
    """Return the number without marks between groups of three digits; unchanged if it has other groups."""
    whole = re.fullmatch(rf"([+-]?\d{{1,3}}(?:\{thousands}\d{{3}})+)(\D\d+)?", number)
    return number.replace(thousands, "") if whole else number


def _hint(text: str) -> str:
    if re.search(r"\d\s*[a-zA-Zµ%]", text):
        return ". Write it without its unit"
    return ". Write its decimals with a point" if "," in text else ""


def match_line(text: str, label: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
    """Return the match of `pattern` with the first line that begins with `label`; None without such a line.

    Raise ValueError if the line has another form.
    """
    line = re.search(rf"^{re.escape(label)}.*$", text, re.MULTILINE | re.IGNORECASE)
    if line is None:
        return None
    match = pattern.fullmatch(line[0])
    if match is None:
        raise ValueError(
            f"its line {line[0]!r} is not in the form that the tool prints. Give the file as it was printed."
        )
    return match


def line_pattern(*patterns: str) -> re.Pattern[str]:
    """Return a pattern that matches what any of `patterns` matches."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
