"""The section on imported results: the same quantities beside those of the arms, without verdicts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10
from statistics import fmean

from harness.model import ArmSummary, ImportedRun, Summary
from harness.report.format import join_with_and, pluralize
from harness.report.table import ABSENT, DataTable, TableCell, TableRow, TextSection, format_milliseconds, format_rate

IMPORTED_HEADING = "Imported results"
UNNAMED_PLACES = HERE, ELSEWHERE = "here", "elsewhere"
IMPORTED_HEADER = (
    "architecture",
    "runs",
    "requests/s\nleast to most",
    "ms/request\nleast to most",
    "p99 ms\nleast to most",
    "failed",
)
NOT_COMPARABLE = (
    "These were measured at another time, with another tool, perhaps on another machine: their difference from the "
    "arms here is not the cost of the hop. `barehop validate` reports what can be concluded from them."
)
SINGLE_RUNS = "Single runs give no estimate of the variation between runs: {}."
P99 = 99.0
MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class RunValues:
    """One quantity of several runs, with the decimals that their resolution deserves."""

    values: Sequence[float]
    places: int

    def cell(self) -> TableCell:
        """Return the mean, with the lowest and highest value of several runs."""
        if not self.values:
            return ABSENT, ""
        mean, *ends = (f"{value:.{self.places}f}" for value in (fmean(self.values), min(self.values), max(self.values)))
        return mean, " to ".join(ends) if len(self.values) > 1 else ""


def imported_sections(summary: Summary) -> list[TextSection]:
    """Return a table of the arms here, and one for each place of imported results, if there are any."""
    if not summary.foreign:
        return []
    groups = group_by_architecture(summary.foreign)
    places = {HERE: [_arm_row(name, arm) for name, arm in summary.arms.items()]}
    for runs in groups.values():
        places.setdefault(runs[0].where or ELSEWHERE, []).append(_runs_row(runs))
    sheets = [
        DataTable(place.capitalize() if place in UNNAMED_PLACES else place, IMPORTED_HEADER, rows)
        for place, rows in places.items()
    ]
    return [TextSection(IMPORTED_HEADING, list(_sentences(groups)), sheets)]


def group_by_architecture(runs: Iterable[ImportedRun]) -> dict[str, list[ImportedRun]]:
    """Return the runs by "place: architecture"."""
    groups: dict[str, list[ImportedRun]] = {}
    for run in runs:
        groups.setdefault(run_name(run), []).append(run)
    return groups


def run_name(run: ImportedRun) -> str:
    """Return "place: architecture" of a run."""
    return f"{run.where or ELSEWHERE}: {run.architecture}"


def known_values(values: Iterable[float | None]) -> list[float]:
    """Return the values that are known."""
    return [value for value in values if value is not None]


def _sentences(groups: Mapping[str, Sequence[ImportedRun]]) -> Iterator[str]:
    yield NOT_COMPARABLE
    single = [name for name, runs in groups.items() if len(runs) == 1]
    if single:
        yield SINGLE_RUNS.format(
            join_with_and(single) if len(single) <= MAX_NAMED else pluralize(len(single), "architecture")
        )
    for name, runs in groups.items():
        yield from (f"{name}: {remark}" for remark in dict.fromkeys(r for run in runs for r in run.remarks))


def _arm_row(name: str, arm: ArmSummary) -> TableRow:
    cells = (
        format_rate(arm.requests_per_s),
        format_milliseconds(arm.mean_us),
        format_milliseconds(arm.p99_us),
        str(arm.failed),
    )
    return ((name, ""), ("", ""), *((text, "") for text in cells))


def _runs_row(runs: Sequence[ImportedRun]) -> TableRow:
    means_us, p99s_us = (known_values(r.mean_us for r in runs), known_values(r.percentiles_us.get(P99) for r in runs))
    failed = sum(count for run in runs for count in run.failures.values())
    return (
        (runs[0].architecture, ""),
        (str(len(runs)), ""),
        RunValues(known_values(run.requests_per_s for run in runs), 1).cell(),
        RunValues(
            [us / 1000 for us in means_us], _milliseconds_decimals(run.mean_resolution_us for run in runs)
        ).cell(),
        RunValues([us / 1000 for us in p99s_us], _milliseconds_decimals(run.resolution_us for run in runs)).cell(),
        (str(failed), "") if any(run.requests is not None for run in runs) or failed else (ABSENT, ""),
    )


def _milliseconds_decimals(resolutions_us: Iterable[float | None]) -> int:
    """Return the decimals of milliseconds, at most three, that the coarsest resolution allows."""
    coarsest_us = max(known_values(resolutions_us), default=1.0)
    return min(max(ceil(3 - log10(coarsest_us)), 0), 3)
