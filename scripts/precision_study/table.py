"""Summarize the findings of all repetitions in one row per method, and as Markdown."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median

from harness.model import JsonModel
from scripts.precision_study.intervals import Interval, alarms_hold

BAREHOP = "barehop"
HEAD = (
    "method",
    "effect, %",
    "half width, %",
    "relative width",
    "A/A error, %",
    "relative error",
    "A/A false alarms",
    "runs per arm",
    "wall time, s",
)
LEGEND = """\
Effect: time per request of `uds-tmpfs` relative to `tcp`; negative is faster. Half width: of its 95 % interval. Both \
are medians over the repetitions, like runs and wall time. Relative width: half width divided by barehop's. A/A \
error: root mean square, over the repetitions, of the reported difference of `tcp` from itself; the true difference \
is 0, so this is the actual error, whatever the interval claims. Relative error: A/A error divided by barehop's. A/A \
false alarms: repetitions that reported `tcp` as different from itself. If there are more than valid 95 % intervals \
give by chance (binomial test at 5 %), the interval is not valid: its half width is in brackets and has no ratio.
"""


class Finding(JsonModel):
    """The result of one method in one repetition, and its wall time including start-up."""

    method: str
    repeat: int
    effect: Interval
    control: Interval
    runs: int
    own_alarm: bool | None
    seconds: float


class Row(JsonModel):
    """A method over all repetitions. `times_as_wide`: relative to barehop; None if a half width is not valid.

    `off_percent`: the root mean square of the A/A effect, whose true value is 0.
    """

    method: str
    repeats: int
    effect_percent: float
    half_width_percent: float
    times_as_wide: float | None
    off_percent: float
    times_as_far: float | None
    alarms: int
    own_alarms: int | None
    holds: bool
    runs: float
    seconds: float


def rows_of(findings: Sequence[Finding], methods: Iterable[str]) -> list[Row]:
    """Return one row for each of `methods` that has findings, in their order."""
    found = {method: [one for one in findings if one.method == method] for method in methods}
    rows = {method: _row(method, its) for method, its in found.items() if its}
    barehop = rows.get(BAREHOP)
    return [row.model_copy(update=_beside(row, barehop)) for row in rows.values()]


def markdown(rows: Sequence[Row], about: Mapping[str, str], how: str) -> str:
    """Return the table with its legend; `how` describes in a sentence or two how it was made."""
    lines = [HEAD, ("---", *["---:"] * (len(HEAD) - 1)), *map(_cells, rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    methods = "\n".join(f"- **{row.method}**: {about[row.method]}{_own_words(row)}" for row in rows)
    parts = [
        "# How precise in the same time",
        *(f"**{text}**" for text in answer(rows)),
        how,
        table,
        f"{LEGEND}\n{methods}",
    ]
    return "\n\n".join(parts) + "\n"


def answer(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the answer in a sentence, where barehop was compared with others."""
    errors = {row.method: row.off_percent for row in rows}
    if BAREHOP in errors and len(errors) > 1:
        own = errors.pop(BAREHOP)
        low, high = min(errors.values()), max(errors.values())
        yield (
            f"In equal time barehop reports a difference of {own:.2f} % between two equal arms; the other methods "
            f"report {low:.2f} to {high:.2f} %."
        )


def _row(method: str, found: Sequence[Finding]) -> Row:
    alarms = sum(one.control.excludes_zero for one in found)
    own = [one.own_alarm for one in found if one.own_alarm is not None]
    return Row(
        method=method,
        repeats=len(found),
        effect_percent=median(one.effect.percent for one in found),
        half_width_percent=median(one.effect.half_width_percent for one in found),
        times_as_wide=None,
        off_percent=math.sqrt(fmean(one.control.percent**2 for one in found)),
        times_as_far=None,
        alarms=alarms,
        own_alarms=sum(own) if own else None,
        holds=alarms_hold(alarms, len(found)),
        runs=median(one.runs for one in found),
        seconds=median(one.seconds for one in found),
    )


def _beside(row: Row, barehop: Row | None) -> dict[str, float | None]:
    if barehop is None:
        return {}
    hold = row.holds and barehop.holds
    return {
        "times_as_wide": row.half_width_percent / barehop.half_width_percent if hold else None,
        "times_as_far": row.off_percent / barehop.off_percent if barehop.off_percent else None,
    }


def _cells(row: Row) -> tuple[str, ...]:
    half_width = f"{row.half_width_percent:.2f}"
    return (
        row.method,
        f"{row.effect_percent:+.1f}",
        half_width if row.holds else f"[{half_width}]",
        "" if row.times_as_wide is None else f"{row.times_as_wide:.1f}",
        f"{row.off_percent:.2f}",
        "" if row.times_as_far is None else f"{row.times_as_far:.0f}",
        f"{row.alarms} of {row.repeats}",
        f"{row.runs:g}",
        f"{row.seconds:.0f}",
    )


def _own_words(row: Row) -> str:
    if row.own_alarms is None:
        return ""
    return f" By its own test the control differed in {row.own_alarms} of {row.repeats}."
