"""Parts of a report as plain data: sections of sentences and tables, which each format renders in its own way."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import (
    Comparison,
    FactorInteraction,
    Interaction,
    Interval,
    JointEffect,
    LevelEffect,
    MainEffect,
    NonAdditivity,
    RungEffect,
    TailEffect,
)
from harness.report.format import (
    ReportedInterval,
    amount_interval,
    format_signed,
    format_significant,
    interval_numbers,
    percent_interval,
    us_interval,
)

ABSENT = "-"
TEXT_COLUMNS = ("verdict", "changed", "how")  # columns with words, not numbers

STAR = " *"
STAR_NOTE = "* The interval excludes zero, but Holm's correction leaves the verdict undecided."
STAR_NOTE_MANY_EFFECTS = (
    "* The interval excludes zero, but the correction for this many effects leaves the verdict undecided."
)

ReportedEffect = (
    Comparison
    | Interaction
    | LevelEffect
    | JointEffect
    | MainEffect
    | FactorInteraction
    | TailEffect
    | RungEffect
    | NonAdditivity
)
TableCell = tuple[str, str]  # the main part, and a lesser one that stands beside or below it
EMPTY_CELL: TableCell = ("", "")
TableRow = tuple[TableCell, ...]


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table whose first column has names."""

    caption: str
    header: Sequence[str]
    rows: Sequence[TableRow]


@dataclass(frozen=True, slots=True)
class TextSection:
    """A heading with sentences and the tables that they explain."""

    heading: str
    sentences: Sequence[str]
    tables: Sequence[DataTable]


def difference_cell(estimate: ReportedInterval | None, least: int, unit: str) -> TableCell:
    """Return a value and its interval, with the decimals that it deserves but no fewer than `least`."""
    if estimate is None:
        return (ABSENT, "")
    value, low, high = interval_numbers(estimate, least)
    return (f"{value}{unit}", f"{low} to {high}")


def difference_cells(effect: ReportedEffect) -> TableRow:
    """Return the difference in percent, in microseconds, and the verdict."""
    verdict = verdict_text(effect.verdict, starred=is_undecided_by_correction(effect))
    return (
        difference_cell(percent_interval(effect), 1, " %"),
        difference_cell(us_interval(effect), 0, ""),
        (verdict, ""),
    )


def amount_cell(amount: Interval) -> TableCell:
    """Return microseconds with their interval, if there is one."""
    interval = amount_interval(amount)
    return difference_cell(interval, 0, "") if interval else (format_signed(amount.value, 0), "")


def verdict_text(verdict: str | None, *, starred: bool) -> str:
    """Return the verdict for a table, `none` without one, with a star where only a correction keeps it undecided."""
    return f"{verdict or 'none'}{STAR if starred else ''}"


def is_undecided_by_correction(effect: ReportedEffect) -> bool:
    """Return whether the unadjusted interval excludes zero and only a correction keeps the verdict undecided."""
    estimate = percent_interval(effect)
    is_open = effect.verdict == "undecided" and (effect.p_adjusted or 0) >= 1 - effect.confidence
    return is_open and estimate is not None and estimate.excludes_zero


def make_section(
    heading: str, sentences: Sequence[str], tables: Sequence[DataTable], starred: str = STAR_NOTE
) -> TextSection:
    """Return a section; `starred` explains the stars where a table has any."""
    stars = any(main.endswith(STAR) for table in tables for row in table.rows for main, _ in row)
    return TextSection(heading, [*sentences, *([starred] if stars else [])], tables)


def cell_text(cell: TableCell) -> str:
    """Return both parts of a cell on one line."""
    main, lesser = cell
    return f"{main} ({lesser})" if lesser else main


def format_rate(requests_per_s: float | None) -> str:
    """Return requests per second with four digits."""
    return ABSENT if requests_per_s is None else format_significant(requests_per_s, 4)


def format_milliseconds(us: float | None) -> str:
    """Return microseconds as milliseconds with three decimals."""
    return ABSENT if us is None else f"{us / 1000:.3f}"
