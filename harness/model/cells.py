"""Numbers in the cells of a table, with decimal points or commas, and grouped thousands where unambiguous."""

import re
from collections.abc import Iterable
from typing import Literal

Mark = Literal[".", ","]

UNKNOWN = ("", "-", "\u2013", "n/a", "na", "none", "null")
APART = re.compile(r"(?<=\d)['\u2019 _](?=\d{3}(?!\d))")  # thousands: 1 679, 1'679, 1_679
PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*")  # 1,679 or 1.679.000, or a decimal with three digits
BOTH = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3})+(?!\1)([.,])\d+")  # 1,679.77 or 1.679,77
COMMA = re.compile(r"[+-]?\d+,\d+")


def is_unknown(text: str) -> bool:
    """Whether a cell has no value."""
    return text.strip().lower() in UNKNOWN


def decimal_mark(cells: Iterable[str], usual: Mark | None = None) -> Mark | None:
    """Return the decimal mark of a table from its unambiguous cells, or else `usual` if any cell has it.

    Raise ValueError if two cells contradict each other.
    """
    cell_by_mark: dict[Mark, str] = {}
    numbers = list(cells)
    for cell in numbers:
        mark = _sure_mark(APART.sub("", cell.strip()))
        if mark:
            cell_by_mark.setdefault(mark, cell)
    if len(cell_by_mark) > 1:
        raise ValueError(
            f"it has {cell_by_mark['.']!r} with a decimal point and {cell_by_mark[',']!r} with a decimal comma. "
            "Write all its numbers with a point."
        )
    return next(iter(cell_by_mark), usual if usual and any(usual in cell for cell in numbers) else None)


def number_of(text: str, mark: Mark | None) -> float:
    """Return the number in a cell of a table with that decimal mark. Raise ValueError with the reason."""
    bare = APART.sub("", text.strip())
    if mark is None and GROUPS.fullmatch(bare) and "," in bare and bare.count(",") == 1:
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


def decimals_of(text: str, mark: Mark | None) -> int:
    """Return the number of digits after the decimal mark."""
    return len(text.strip().partition(mark or ".")[2])


def _sure_mark(cell: str) -> Mark | None:
    both = BOTH.fullmatch(cell)
    if both:
        return "," if both[2] == "," else "."
    if COMMA.fullmatch(cell) and not GROUPS.fullmatch(cell):
        return ","
    groups = GROUPS.fullmatch(cell)
    if groups and cell.count(groups[1]) > 1:
        return "." if groups[1] == "," else ","
    return "." if "." in cell and PLAIN.fullmatch(cell) and not groups else None


def _without_groups(number: str, thousands: str) -> str:
    """Return the number without marks between groups of three digits; unchanged if it has other groups."""
    whole = re.fullmatch(rf"([+-]?\d{{1,3}}(?:\{thousands}\d{{3}})+)(\D\d+)?", number)
    return number.replace(thousands, "") if whole else number


def _hint(text: str) -> str:
    if re.search(r"\d\s*[a-zA-Zµ%]", text):
        return ". Write it without its unit"
    return ". Write its decimals with a point" if "," in text else ""
