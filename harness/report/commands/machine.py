"""Reports on a machine: `barehop calibrate`, `doctor` and `floor`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.calibration import Calibration, SpikeDetection
from harness.analysis.why.explain import floor_difference
from harness.experiment.transports import DEFAULT_TRANSPORT
from harness.model import FloorResults, FloorRow
from harness.report.format import format_duration, pluralize
from harness.report.sections.why import format_us_amount
from harness.report.terminal import Paragraph, bold_heading, empty_table, render_parts

NOMINAL_PERCENT = 5.0
MIN_AA_RUNS = 10  # A/A runs; with fewer, a rate of one third would be compatible with no false alarm at all
CheckState = Literal["ok", "doubt", "missing"]
STATE_STYLES: Mapping[CheckState, str] = {"ok": "green", "doubt": "yellow", "missing": "bold red"}
EXCHANGE_NAMES = {
    "connect": "connect, request, response, close",
    "ping-pong": "request and response on an open connection",
}


def render_calibration(calibration: Calibration, *, width: int | None = None, color: bool = False) -> str:
    """Return the answer, then false alarms, coverage of the spikes, label swap and noise floor."""
    lines = [
        _alarms_line(calibration),
        *map(_spike_line, calibration.spikes),
        _swap_line(calibration),
        noise_floor_sentence(calibration),
    ]
    claims = [Paragraph(line, first_indent="- ", indent="  ") for line in lines]
    parts: list[RenderableType] = [Paragraph(_answer(calibration), style="bold"), "", *claims]
    return render_parts(parts, width=width, color=color)


def noise_floor_sentence(calibration: Calibration) -> str:
    """Return the smallest difference that is detected here, in a sentence."""
    run = f"{pluralize(calibration.sessions_per_run, 'session')} ({format_duration(calibration.seconds_per_run)})"
    return (
        f"Noise floor: a difference of {calibration.floor_percent:.2g} % ({calibration.floor_us:.2g} us) is detected "
        f"in 80 % of runs of {run}; four times the time halves it."
    )


def calibration_note(calibration: Calibration) -> str:
    """Return one line on the last calibration, for a report of results."""
    alarms = f"{pluralize(calibration.aa.alarms, 'false alarm')} in {pluralize(calibration.aa.runs, 'A/A run')}"
    return f"Last calibration of this host: {alarms}. {noise_floor_sentence(calibration)}"


def _answer(calibration: Calibration) -> str:
    sentences = [*_cautions(calibration), *_too_few_runs(calibration)]
    if not sentences:
        return "Calibrated: no more false alarms than expected by chance, and injected spikes are detected."
    return " ".join(sentences)


def _cautions(calibration: Calibration) -> Iterator[str]:
    if reasons := list(_objections(calibration)):
        yield f"Treat results of this machine with care: {'; '.join(reasons)}."


def _too_few_runs(calibration: Calibration) -> Iterator[str]:
    if calibration.aa.runs < MIN_AA_RUNS:
        yield (
            f"Too few A/A runs ({calibration.aa.runs}) to check the rate of false alarms: at least {MIN_AA_RUNS} are "
            "needed. Use a longer --budget."
        )


def _objections(calibration: Calibration) -> Iterator[str]:
    if calibration.aa.percent_low > NOMINAL_PERCENT:
        yield (
            f"A/A comparisons showed a difference in {calibration.aa.alarms} of {pluralize(calibration.aa.runs, 'run')}"
        )
    for spike in calibration.spikes:
        if spike.covered < 0.9 * spike.runs:
            missed = spike.runs - spike.covered
            yield f"{missed} of {spike.runs} intervals do not contain the injected spike of {spike.us} us"
    if calibration.swap.flipped < calibration.swap.runs:
        yield "swapping the labels changed more than the sign"


def _alarms_line(calibration: Calibration) -> str:
    aa = calibration.aa
    return (
        f"A/A comparison: false alarms in {aa.alarms} of {pluralize(aa.runs, 'run')} (95 % interval of the rate "
        f"{aa.percent_low:.1f} to {aa.percent_high:.1f} %; nominal {NOMINAL_PERCENT:.0f} %)."
    )


def _spike_line(spike: SpikeDetection) -> str:
    return (
        f"Injected {spike.us} us of CPU time in the app: measured {spike.estimate_us:.1f} us on average; the interval "
        f"contains the true value in {spike.covered} of {pluralize(spike.runs, 'run')}."
    )


def _swap_line(calibration: Calibration) -> str:
    runs = f"{calibration.swap.flipped} of {pluralize(calibration.swap.runs, 'run')}"
    return f"Swapped labels: only the sign changed in {runs}."


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """One check: `seen` is the observed value, `advice` what to do if it is not ok."""

    subject: str
    state: CheckState
    seen: str
    advice: str = ""


def render_doctor(
    findings: Sequence[MachineCheck], conclusions: Sequence[str], *, width: int | None = None, color: bool = False
) -> str:
    """Return the checklist, the number of doubts and missing items, then `conclusions`, one line each."""
    parts: list[RenderableType] = [_checklist(findings), "", Paragraph(_count_sentence(findings))]
    if conclusions:
        parts += ["", bold_heading("What can be concluded here")]
        parts += [Paragraph(line, first_indent="- ", indent="  ") for line in conclusions]
    return render_parts(parts, width=width, color=color)


def _checklist(findings: Sequence[MachineCheck]) -> Table:
    table = empty_table()
    for header in ("state", "subject", "observed"):
        table.add_column(header, overflow="fold")
    for finding in findings:
        table.add_row(Text(finding.state, style=STATE_STYLES[finding.state]), finding.subject, _observation(finding))
    return table


def _observation(finding: MachineCheck) -> RenderableType:
    if not finding.advice or finding.state == "ok":
        return Paragraph(finding.seen)
    return Group(Paragraph(finding.seen), Paragraph(finding.advice, style="dim", first_indent="-> ", indent="   "))


def _count_sentence(findings: Sequence[MachineCheck]) -> str:
    states = [finding.state for finding in findings]
    doubts, missing = states.count("doubt"), states.count("missing")
    if not doubts and not missing:
        return "No doubts, nothing missing."
    return f"{pluralize(doubts, 'doubt')}, {missing} missing."


def render_floor(floor: FloorResults, *, width: int | None = None, color: bool = False) -> str:
    """Return one line for each exchange, transport and payload size."""
    table = empty_table()
    for header in ("exchange", "bytes", "transport", "us", f"against {DEFAULT_TRANSPORT}"):
        table.add_column(header, justify="right" if header in ("bytes", "us") else "left")
    for row in floor.rows:
        mean_us = f"{fmean(row.runs_us):.1f}" if row.runs_us else "-"
        table.add_row(
            EXCHANGE_NAMES[row.kind], str(row.payload_bytes), row.transport, mean_us, _difference_text(row, floor)
        )
    return render_parts([table, "", *map(Paragraph, _floor_notes())], width=width, color=color)


def _difference_text(row: FloorRow, floor: FloorResults) -> str:
    if row.transport == DEFAULT_TRANSPORT:
        return ""
    difference_us = floor_difference(floor, row.kind, (row.transport, DEFAULT_TRANSPORT), row.payload_bytes)
    return format_us_amount(difference_us) if difference_us else "-"


def _floor_notes() -> Iterator[str]:
    yield (
        "Measured between two pinned Python processes: the times are higher than those of a C program, the differences "
        "are caused by the kernel. pyperf runs one transport after the other, so the differences include drift."
    )
