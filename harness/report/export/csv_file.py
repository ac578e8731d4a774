"""Results as CSV for spreadsheets: one line per arm and quantity; the name of a quantity ends in its unit."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from harness.model import (
    ArmSummary,
    Comparison,
    ImportedRun,
    Ladder,
    MainEffect,
    NonAdditivity,
    RungEffect,
    Summary,
    TailEffect,
)
from harness.report.cells import cell_parts
from harness.report.document import Cell, IntervalCell, Report, VerdictCell
from harness.report.sections.other_contrasts import other_effect_rows
from harness.report.sections.waiting import part_name
from harness.report.select import effect_name

TABLE_HEADER = ("section", "table", "row", "column", "value", "low", "high", "unit")
ARM_QUANTITIES = ("requests", "failed", "requests_per_s", "mean_us", "p50_us", "p90_us", "p99_us", "p999_us")
CSV_HEADER = (
    "experiment",
    "directory",  # of the run
    "id",  # of the run; empty for imported results
    "sessions",
    "arm",
    "against",  # the reference; empty for a quantity of the arm itself
    "quantity",  # mean_us, cpu_nginx_us, latency_difference_percent, latency_main_effect_us, ...: the unit is last
    "value",  # empty where there is none
    "low",  # of the 95 % interval, of percentiles and comparisons only
    "high",
    "p",  # before any correction
    "p_adjusted",  # by Holm; effects of a screen by Benjamini and Hochberg; empty for a control
    "verdict",
)

CsvRow = dict[str, Any]


def render_tables(report: Report) -> str:
    """Return all tables of a report in tidy form: a line for each cell. `low` and `high` are of the 95 % interval."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, TABLE_HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    for section in report.sections:
        for table in section.tables:
            for row in table.rows:
                name = cell_parts(row.cells[0])[0]
                place = {"section": section.heading, "row": name}
                writer.writerows(
                    {**place, "table": column.group or table.caption, "column": column.title, **_cell_values(cell)}
                    for column, cell in zip(table.columns[1:], row.cells[1:], strict=False)
                )
    return stream.getvalue()


def _cell_values(cell: Cell) -> CsvRow:
    if isinstance(cell, IntervalCell):
        return {**(cell.interval.model_dump() if cell.interval else {}), "unit": cell.unit.strip()}
    return {"value": cell.verdict if isinstance(cell, VerdictCell) else cell_parts(cell)[0]}


def render_csv(*summaries: Summary) -> str:
    """Return one table of all `summaries` in tidy form: the columns of HEADER, one row per arm and quantity.

    Differences are in percent and in microseconds, of `arm` relative to `against`; negative is faster. For main effects
    of a screen, `arm` is a level of a factor and `against` the first level. Imported results come last, run by run:
    `experiment` is their place, `directory` their file and `arm` their architecture.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    for summary in summaries:
        for rows in (_summary_rows, _counter_rows, _profile_rows, _waiting_rows):
            writer.writerows({**row, "id": summary.id} for row in rows(summary))
    for run in summaries[0].foreign if summaries else ():  # the same beside each
        writer.writerows(_imported_rows(run))
    return stream.getvalue()


def _summary_rows(summary: Summary) -> Iterator[CsvRow]:
    run = {"experiment": summary.experiment, "directory": summary.directory, "sessions": summary.sessions}
    for name, arm in summary.arms.items():
        yield from ({**run, "arm": name, **row} for row in _arm_quantities(arm))
    for comparison in summary.comparisons:
        yield from ({**run, **row} for row in _effect_rows(comparison, f"{comparison.metric}_difference"))
    for effect in summary.main_effects:
        rows = _effect_rows(effect, f"{effect.metric}_main_effect")
        yield from ({**run, **row, "arm": effect_name(effect)} for row in rows)
    for tail in summary.tails:
        percentile = f"p{tail.percentile:g}".replace(".", "")
        yield from ({**run, **row} for row in _effect_rows(tail, f"{percentile}_difference"))
    yield from ({**run, **row} for row in other_effect_rows(summary))
    for ladder in summary.ladders:
        yield from ({**run, **row} for row in _ladder_rows(ladder))


def _ladder_rows(ladder: Ladder) -> Iterator[CsvRow]:
    """Yield the effects of a ladder that are not steps: the top at once, the sum, and the rest beyond the sum."""
    if ladder.top:
        yield from _effect_rows(ladder.top, "network_at_once_difference")
    for bundle in ladder.together:
        if bundle.sum and bundle.beyond:
            yield from _effect_rows(bundle.sum, "sum_of_steps_difference")
            yield from _effect_rows(bundle.beyond, "beyond_the_sum_difference")


def _arm_quantities(arm: ArmSummary) -> Iterable[CsvRow]:
    values = arm.model_dump(include=set(ARM_QUANTITIES)) | {f"cpu_{role}_us": us for role, us in arm.cpu_us.items()}
    ends = {f"{name}_us": {"low": value.low, "high": value.high} for name, value in arm.percentiles.items()}
    return ({"quantity": quantity, "value": value} | ends.get(quantity, {}) for quantity, value in values.items())


def _effect_rows(
    comparison: Comparison | MainEffect | TailEffect | RungEffect | NonAdditivity, quantity: str
) -> Iterator[CsvRow]:
    judged = comparison.model_dump(include={"arm", "against", "p", "p_adjusted", "verdict"})
    for unit, interval in (("percent", comparison.in_percent), ("us", comparison.in_us)):
        yield {**judged, "quantity": f"{quantity}_{unit}", **(interval.model_dump() if interval else {})}


def _imported_rows(run: ImportedRun) -> Iterator[CsvRow]:
    """Yield the quantities of one imported run that its file has."""
    percentiles = {f"p{percent:g}".replace(".", ""): us for percent, us in run.percentiles_us.items()}
    failed = None if run.requests is None and not run.failures else sum(run.failures.values())
    values = {
        "requests": run.requests,
        "failed": failed,
        "connections": run.connections,
        "duration_s": run.duration_s,
        "requests_per_s": run.requests_per_s,
        "mean_us": run.mean_us,
        **{f"{name}_us": us for name, us in percentiles.items()},
    }
    origin = {"experiment": run.where, "directory": str(run.source), "arm": run.architecture}
    yield from ({**origin, "quantity": name, "value": value} for name, value in values.items() if value is not None)


def _counter_rows(summary: Summary) -> Iterator[CsvRow]:
    """Yield the counters of each arm per request, and their differences from the reference."""
    run = {"experiment": summary.experiment, "directory": summary.directory, "sessions": summary.sessions}
    against = {comparison.arm: comparison.against for comparison in summary.comparisons}
    for counter in summary.counters:
        for arm, amount in counter.arms.items():
            yield {**run, "arm": arm, "quantity": counter.name, **amount.model_dump()}
        for arm, amount in counter.differences.items():
            quantity = f"{counter.name}_difference"
            yield {**run, "arm": arm, "against": against.get(arm, ""), "quantity": quantity, **amount.model_dump()}


def _profile_rows(summary: Summary) -> Iterator[CsvRow]:
    """Yield the differences of functions and subsystems: `profile app: tcp_ack_us`, `profile subsystem app: TCP_us`.

    `profile with calls app: tcp_sendmsg_us` is a function with all that it calls.
    """
    run = {"experiment": summary.experiment, "directory": summary.directory}
    for profile in summary.profiles:
        row = {**run, "sessions": profile.sessions, "arm": profile.arm, "against": profile.against}
        kinds = {
            "profile": profile.functions,
            "profile with calls": profile.inclusive,
            "profile subsystem": profile.subsystems,
        }
        for kind, parts in kinds.items():
            for part in parts:
                judged = part.model_dump(include={"p", "p_adjusted", "verdict"})
                quantity = f"{kind} {part.role}: {part.name}_us"
                yield {**row, "quantity": quantity, **part.us.model_dump(), **judged}


def _waiting_rows(summary: Summary) -> Iterator[CsvRow]:
    """Yield the parts of each chain, what is left, and the differences: `waiting client wakes nginx_us`."""
    run = {"experiment": summary.experiment, "directory": summary.directory}
    for chain in summary.chains:
        amounts = {part_name(part): part.us for part in chain.parts}
        totals = {"sum": chain.sum_us, "left": chain.left_us, "while traced": chain.traced_us}
        for name, amount in (amounts | totals).items():
            row = {**run, "sessions": chain.sessions, "arm": chain.arm}
            yield {**row, "quantity": f"waiting {name}_us", **amount.model_dump()}
    for pair in summary.waiting:
        row = {**run, "sessions": pair.sessions, "arm": pair.arm, "against": pair.against}
        for difference in pair.differences:
            judged = difference.model_dump(include={"p", "p_adjusted", "verdict"})
            quantity = f"waiting {difference.role} {difference.quantity} difference_us"
            yield {**row, "quantity": quantity, **difference.us.model_dump(), **judged}
        for name, amount in pair.rest_parts.items():
            yield {**row, "quantity": f"waiting the rest: {name}_us", **amount.model_dump()}
