"""Parts of a report as plain data: sections of sentences and tables, which each format renders in its own way."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import (
    Amount,
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
from harness.report.wording import Estimate, amount_of, interval_numbers, percent_of, rounded, signed, us_of

ABSENT = "-"
WORDS = ("verdict", "changed", "how")  # columns with words, not numbers

STAR = " *"
STARRED = "* The interval excludes zero, but Holm's correction leaves the verdict undecided."
STARRED_OF_MANY = "* The interval excludes zero, but the correction for this many effects leaves the verdict undecided."

Judged = Comparison | Interaction | LevelEffect | BothAtOnce | MainEffect | FactorInteraction | Tail | Climb | Beyond
Cell = tuple[str, str]  # the main part, and a lesser one that stands beside or below it
NOTHING: Cell = ("", "")
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table whose first column has names."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences and the tables that they explain."""

    heading: str
    sentences: Sequence[str]
    tables: Sequence[Sheet]


def difference_cell(estimate: Estimate | None, least: int, unit: str) -> Cell:
    """Return a value and its interval, with the decimals that it deserves but no fewer than `least`."""
    if estimate is None:
        return (ABSENT, "")
    value, low, high = interval_numbers(estimate, least)
    return (f"{value}{unit}", f"{low} to {high}")


def difference_cells(effect: Judged) -> Row:
    """Return the difference in percent, in microseconds, and the verdict."""
    verdict = verdict_text(effect.verdict, starred=excludes_zero_undecided(effect))
    return difference_cell(percent_of(effect), 1, " %"), difference_cell(us_of(effect), 0, ""), (verdict, "")


def amount_cell(amount: Amount) -> Cell:
    """Return microseconds with their interval, if there is one."""
    interval = amount_of(amount)
    return difference_cell(interval, 0, "") if interval else (signed(amount.value, 0), "")


def verdict_text(verdict: str | None, *, starred: bool) -> str:
    """Return the verdict for a table, `none` without one, with a star where only a correction keeps it undecided."""
    return f"{verdict or 'none'}{STAR if starred else ''}"


def excludes_zero_undecided(effect: Judged) -> bool:
    """Return whether the unadjusted interval excludes zero and only a correction keeps the verdict undecided."""
    estimate = percent_of(effect)
    is_open = effect.verdict == "undecided" and (effect.p_adjusted or 0) >= 1 - effect.confidence
    return is_open and estimate is not None and estimate.excludes_zero


def section(heading: str, sentences: Sequence[str], tables: Sequence[Sheet], starred: str = STARRED) -> Section:
    """Return a section; `starred` explains the stars where a table has any."""
    stars = any(main.endswith(STAR) for table in tables for row in table.rows for main, _ in row)
    return Section(heading, [*sentences, *([starred] if stars else [])], tables)


def joined(cell: Cell) -> str:
    """Return both parts of a cell on one line."""
    main, lesser = cell
    return f"{main} ({lesser})" if lesser else main


def rate(requests_per_s: float | None) -> str:
    """Return requests per second with four digits."""
    return ABSENT if requests_per_s is None else rounded(requests_per_s, 4)


def milliseconds(us: float | None) -> str:
    """Return microseconds as milliseconds with three decimals."""
    return ABSENT if us is None else f"{us / 1000:.3f}"
