"""Writes results as CSV for spreadsheets: a line for each quantity, whose name ends in its unit."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from harness.model import ArmSummary, Comparison, Foreign, Summary, Tail

MEASURED = ("requests", "failed", "requests_per_s", "mean_us", "p50_us", "p90_us", "p99_us", "p999_us")
HEADER = (
    "experiment",
    "directory",  # of the run
    "sessions",
    "arm",
    "against",  # the arm it is compared with; empty for what was measured of the arm itself
    "quantity",  # mean_us, cpu_nginx_us, latency_difference_percent, ...: the unit comes last
    "value",  # empty where there is none
    "low",  # of the 95 % interval, of comparisons only
    "high",
    "p",  # before Holm's correction
    "p_adjusted",  # after it; empty for a control, which is judged alone
    "verdict",
)

Row = dict[str, Any]


def render_csv(*summaries: Summary) -> str:
    """One table of all `summaries`, in tidy form: the columns of HEADER, and a row for each arm and quantity.

    Differences are in percent and in microseconds, the arm relative to `against`: negative is faster. What was measured
    elsewhere comes last, run by run: its experiment is where, its directory the file, its arm the architecture.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    for summary in summaries:
        writer.writerows(_rows(summary))
        writer.writerows(_counted(summary))
    for run in summaries[0].foreign if summaries else ():  # the same beside each
        writer.writerows(_told(run))
    return stream.getvalue()


def _rows(summary: Summary) -> Iterator[Row]:
    run = {"experiment": summary.experiment, "directory": summary.directory, "sessions": summary.sessions}
    for name, arm in summary.arms.items():
        yield from ({**run, "arm": name, **row} for row in _measured(arm))
    for comparison in summary.comparisons:
        yield from ({**run, **row} for row in _compared(comparison, comparison.metric))
    for tail in summary.tails:
        yield from ({**run, **row} for row in _compared(tail, f"p{tail.percentile:g}".replace(".", "")))


def _measured(arm: ArmSummary) -> Iterable[Row]:
    values = arm.model_dump(include=set(MEASURED)) | {f"cpu_{role}_us": us for role, us in arm.cpu_us.items()}
    return ({"quantity": quantity, "value": value} for quantity, value in values.items())


def _compared(comparison: Comparison | Tail, quantity: str) -> Iterator[Row]:
    judged = comparison.model_dump(include={"arm", "against", "p", "p_adjusted", "verdict"})
    intervals = {
        "percent": (comparison.percent, comparison.percent_low, comparison.percent_high),
        "us": (comparison.us, comparison.us_low, comparison.us_high),
    }
    for unit, (value, low, high) in intervals.items():
        yield {**judged, "quantity": f"{quantity}_difference_{unit}", "value": value, "low": low, "high": high}


def _told(run: Foreign) -> Iterator[Row]:
    """What a file tells of one run; nothing for what it does not tell."""
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
    told = {"experiment": run.where, "directory": str(run.source), "arm": run.architecture}
    yield from ({**told, "quantity": name, "value": value} for name, value in values.items() if value is not None)


def _counted(summary: Summary) -> Iterator[Row]:
    """Counters, per request: of each arm, and the difference from the arm it is compared with."""
    run = {"experiment": summary.experiment, "directory": summary.directory, "sessions": summary.sessions}
    against = {comparison.arm: comparison.against for comparison in summary.comparisons}
    for counter in summary.counters:
        for arm, seen in counter.arms.items():
            yield {**run, "arm": arm, "quantity": counter.name, **seen.model_dump()}
        for arm, seen in counter.differences.items():
            quantity = f"{counter.name}_difference"
            yield {**run, "arm": arm, "against": against.get(arm, ""), "quantity": quantity, **seen.model_dump()}
