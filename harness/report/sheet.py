"""A part of a report in plain data: sentences and tables that every kind of report sets in its own way."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import (
    Beyond,
    BothAtOnce,
    Climb,
    Comparison,
    FactorInteraction,
    Interaction,
    LevelEffect,
    MainEffect,
    Tail,
)
from harness.report.wording import Estimate, decimals, percent_of, signed, us_of

ABSENT = "-"
WORDS = ("verdict", "changed", "how")  # columns of words, not numbers

STAR = " *"
STARRED = "* The interval excludes zero, but Holm's correction leaves it undecided."
STARRED_OF_MANY = "* The interval excludes zero, but the correction for so many effects leaves it undecided."

Judged = Comparison | Interaction | LevelEffect | BothAtOnce | MainEffect | FactorInteraction | Tail | Climb | Beyond
Cell = tuple[str, str]  # the main part, and a lesser one set beside it or, where room is short, below it
NOTHING: Cell = ("", "")
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its first column has names."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Section:
    """What is said first in words and then in tables."""

    heading: str
    sentences: Sequence[str]
    sheets: Sequence[Sheet]


def difference_cell(estimate: Estimate | None, least: int, unit: str) -> Cell:
    """A difference with its interval, to the digits that it deserves but no fewer than `least` decimals."""
    if estimate is None:
        return (ABSENT, "")
    places = decimals(estimate.half_width, least)
    value, low, high = (signed(x, places, estimate.margin) for x in (estimate.value, estimate.low, estimate.high))
    return (f"{value}{unit}", f"{low} to {high}")


def difference_cells(one: Judged) -> Row:
    """In percent, in microseconds, and the verdict, with a star where only Holm's correction keeps it open."""
    verdict = f"{one.verdict or 'none'}{STAR if _kept_open(one) else ''}"
    return difference_cell(percent_of(one), 1, " %"), difference_cell(us_of(one), 0, ""), (verdict, "")


def _kept_open(one: Judged) -> bool:
    estimate = percent_of(one)
    undecided = one.verdict == "undecided" and (one.p_adjusted or 0) >= 1 - one.confidence
    return undecided and estimate is not None and estimate.excludes_zero


def section(heading: str, sentences: Sequence[str], sheets: Sequence[Sheet], starred: str = STARRED) -> Section:
    """With what a star means, where there is one."""
    stars = any(main.endswith(STAR) for sheet in sheets for row in sheet.rows for main, _ in row)
    return Section(heading, [*sentences, *([starred] if stars else [])], sheets)


def joined(cell: Cell) -> str:
    """On one line."""
    main, lesser = cell
    return f"{main} ({lesser})" if lesser else main
