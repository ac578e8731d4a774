"""Numbers in the cells of a table: decimal points or commas, and thousands set apart, where that is unambiguous."""

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
    return text.strip().lower() in UNKNOWN


def decimal_mark(cells: Iterable[str], usual: Mark | None = None) -> Mark | None:
    """The mark of a table's decimals, by the cells that leave no choice; `usual` where none does but some have it.

    Raises ValueError where two cells contradict each other.
    """
    found: dict[Mark, str] = {}
    numbers = list(cells)
    for cell in numbers:
        mark = _sure_mark(APART.sub("", cell.strip()))
        if mark:
            found.setdefault(mark, cell)
    if len(found) > 1:
        raise ValueError(
            f"it has {found['.']!r} with a decimal point and {found[',']!r} with a decimal comma. Write all its "
            "numbers with a point."
        )
    return next(iter(found), usual if usual and any(usual in cell for cell in numbers) else None)


def number_of(text: str, mark: Mark | None) -> float:
    """The number of a cell of a table with that decimal mark. Raises ValueError that says what is wrong with it."""
    bare = APART.sub("", text.strip())
    if mark is None and GROUPS.fullmatch(bare) and "," in bare and bare.count(",") == 1:
        both = f"{bare.replace(',', '.')} or {bare.replace(',', '')}"
        raise ValueError(f"{text!r}, which can be {both}. Write it without a comma")
    thousands = "." if mark == "," else ","
    if bare.count(thousands) > (1 if mark is None else 0):
        bare = _without_groups(bare, thousands)
    bare = bare.replace(",", ".") if mark == "," else bare
    try:
        return float(bare)
    except ValueError:
        raise ValueError(f"{text!r}, which is no number{_hint(text)}") from None


def decimals_of(text: str, mark: Mark | None) -> int:
    """How many digits stand after the decimal mark."""
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
    """Where its marks stand between groups of three digits; else it is left as it is, and no number."""
    whole = re.fullmatch(rf"([+-]?\d{{1,3}}(?:\{thousands}\d{{3}})+)(\D\d+)?", number)
    return number.replace(thousands, "") if whole else number


def _hint(text: str) -> str:
    if re.search(r"\d\s*[a-zA-Zµ%]", text):
        return ". Write it without its unit"
    return ". Write its decimals with a point" if "," in text else ""
