"""The reports on a machine: `barehop calibrate`, `doctor` and `floor`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from harness.analysis.why.explain import floor_difference
from harness.experiment.transports import DEFAULT_TRANSPORT
from harness.model import FloorResults, FloorRow, JsonModel
from harness.model.record import Calibration
from harness.report.cells import ABSENT
from harness.report.document import (
    Cell,
    Column,
    Fact,
    IntervalCell,
    NumberCell,
    Report,
    Row,
    Section,
    Table,
    TextCell,
    VerdictCell,
)
from harness.report.format import capitalize_first, format_duration, format_significant, pluralize

NOMINAL_PERCENT = 5.0
MIN_AA_RUNS = 10  # A/A runs; with fewer, a rate of one third would be compatible with no false alarm at all
MIN_COVERAGE = 0.9  # of the intervals of a known spike
EXCHANGE_NAMES = {
    "connect": "connect, request, response, close",
    "ping-pong": "request and response on an open connection",
}
FLOOR_NOTE = (
    "Measured between two pinned Python processes: the times are higher than those of a C program, the differences are "
    "caused by the kernel. pyperf runs one transport after the other, so the differences include drift."
)
CheckState = Literal["ok", "doubt", "missing"]


def calibration_report(calibration: Calibration) -> Report:
    """Return the report of a calibration: false alarms, coverage of the spikes, label swap and noise floor."""
    aa, swap = calibration.aa, calibration.swap
    return Report(
        title="Calibration of this machine",
        question="Does the harness tell the truth on this machine?",
        answer=list(_calibration_answer(calibration)),
        sections=[
            Section(
                "What was measured",
                [
                    f"A/A comparison: false alarms in {aa.alarms} of {pluralize(aa.runs, 'run')} (95 % interval of the "
                    f"rate {aa.percent_low:.1f} to {aa.percent_high:.1f} %; nominal {NOMINAL_PERCENT:.0f} %).",
                    *(
                        f"Injected {spike.us} us of CPU time in the app: measured {spike.estimate_us:.1f} us on "
                        f"average; the interval contains the true value in {spike.covered} of "
                        f"{pluralize(spike.runs, 'run')}."
                        for spike in calibration.spikes
                    ),
                    f"Swapped labels: only the sign changed in {swap.flipped} of {pluralize(swap.runs, 'run')}.",
                    noise_floor_sentence(calibration),
                ],
            )
        ],
    )


def noise_floor_sentence(calibration: Calibration) -> str:
    """Return the smallest difference that is detected here, in a sentence."""
    percent, us = (format_significant(value, 2) for value in (calibration.floor_percent, calibration.floor_us))
    run = f"{pluralize(calibration.sessions_per_run, 'session')} ({format_duration(calibration.seconds_per_run)})"
    return (
        f"Noise floor: a difference of {percent} % ({us} us) is detected in 80 % of runs of {run}; four times the time "
        "halves it."
    )


def calibration_note(calibration: Calibration) -> str:
    """Return one line on the last calibration, for a report of results."""
    alarms = f"{pluralize(calibration.aa.alarms, 'false alarm')} in {pluralize(calibration.aa.runs, 'A/A run')}"
    return f"Last calibration of this host: {alarms}. {noise_floor_sentence(calibration)}"


def _calibration_answer(calibration: Calibration) -> Iterator[str]:
    objections = list(_objections(calibration))
    if objections:
        yield f"Treat results of this machine with care: {'; '.join(objections)}."
    if calibration.aa.runs < MIN_AA_RUNS:
        yield (
            f"Too few A/A runs ({calibration.aa.runs}) to check the rate of false alarms: at least {MIN_AA_RUNS} are "
            "needed. Use a longer --budget."
        )
    elif not objections:
        yield "Calibrated: no more false alarms than expected by chance, and injected spikes are detected."


def _objections(calibration: Calibration) -> Iterator[str]:
    aa = calibration.aa
    if aa.percent_low > NOMINAL_PERCENT:
        yield f"A/A comparisons showed a difference in {aa.alarms} of {pluralize(aa.runs, 'run')}"
    for spike in calibration.spikes:
        if spike.covered < MIN_COVERAGE * spike.runs:
            missed = spike.runs - spike.covered
            yield f"{missed} of {spike.runs} intervals do not contain the injected spike of {spike.us} us"
    if calibration.swap.flipped < calibration.swap.runs:
        yield "swapping the labels changed more than the sign"


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """One check: `seen` is the observed value, `advice` what to do if it is not ok."""

    subject: str
    state: CheckState
    seen: str
    advice: str = ""


class Diagnosis(JsonModel):
    """The output of `barehop doctor --json`: all checks, and what can be concluded on this machine."""

    format: Literal[1] = 1
    checks: tuple[MachineCheck, ...]
    conclusions: tuple[str, ...]


def doctor_report(diagnosis: Diagnosis) -> Report:
    """Return the report of a diagnosis: the number of doubts and missing items, the conclusions, and the checklist."""
    states = Counter(check.state for check in diagnosis.checks)
    doubts = f"{pluralize(states['doubt'], 'doubt')}, {states['missing']} missing."
    columns = [Column("subject"), Column("state"), Column("observed")]
    rows = [
        Row([TextCell(check.subject), VerdictCell(check.state), TextCell(check.seen, advice)])
        for check in diagnosis.checks
        for advice in ["" if check.state == "ok" else check.advice]
    ]
    return Report(
        title="What this machine is good for",
        answer=[doubts if states.keys() - {"ok"} else "No doubts, nothing missing."],
        sections=[
            *([Section("What can be concluded here", diagnosis.conclusions)] if diagnosis.conclusions else []),
            Section("Checks", tables=[Table("", columns, rows)]),
        ],
    )


def floor_report(floor: FloorResults, next_steps: Sequence[Fact] = ()) -> Report:
    """Return the report of the bare transport: for each exchange a row for each transport and payload size."""
    columns = [
        Column("transport"),
        Column("bytes"),
        Column("us"),
        Column(f"us against {DEFAULT_TRANSPORT}", "95 % interval"),
    ]
    rows = {kind: [row for row in floor.rows if row.kind == kind] for kind in EXCHANGE_NAMES}
    return Report(
        title="The bare transport between two pinned processes",
        question="What does an exchange cost over each transport, without nginx and the app?",
        answer=[f"{capitalize_first(EXCHANGE_NAMES[kind])}: {_mean_times(rows[kind])}." for kind in rows if rows[kind]],
        sections=[
            Section(
                "Time of an exchange",
                tables=[
                    Table(EXCHANGE_NAMES[kind], columns, [_floor_row(row, floor) for row in rows[kind]])
                    for kind in rows
                    if rows[kind]
                ],
                notes=[FLOOR_NOTE],
            )
        ],
        next_steps=next_steps,
    )


def _mean_times(rows: Sequence[FloorRow]) -> str:
    """Return `tcp 114 us, uds-dir 74 us`, of the smallest payload."""
    smallest = min(row.payload_bytes for row in rows)
    return ", ".join(
        f"{row.transport} {fmean(row.runs_us):.0f} us" for row in rows if row.payload_bytes == smallest and row.runs_us
    )


def _floor_row(row: FloorRow, floor: FloorResults) -> Row:
    against: Cell = NumberCell()
    if row.transport != DEFAULT_TRANSPORT:
        against = IntervalCell(floor_difference(floor, row.kind, (row.transport, DEFAULT_TRANSPORT), row.payload_bytes))
    mean_us = f"{fmean(row.runs_us):.1f}" if row.runs_us else ABSENT
    return Row([TextCell(row.transport), NumberCell(str(row.payload_bytes)), NumberCell(mean_us), against])
