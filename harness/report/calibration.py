"""A calibration as text: false alarms, detected spikes and noise floor of this machine, one line each."""

from collections.abc import Iterator

from rich.console import RenderableType

from harness.analysis.calibration import Calibration, Spike
from harness.report import page
from harness.report.page import Paragraph
from harness.report.wording import counted, duration

NOMINAL_PERCENT = 5.0
MIN_AA_RUNS = 10  # A/A runs; with fewer, a rate of one third would be compatible with no false alarm at all


def render_calibration(calibration: Calibration, *, width: int | None = None, color: bool = False) -> str:
    """Return the answer, then false alarms, coverage of the spikes, label swap and noise floor."""
    lines = [
        _alarms_line(calibration),
        *map(_spike_line, calibration.spikes),
        _swap_line(calibration),
        floor(calibration),
    ]
    claims = [Paragraph(line, first_indent="- ", indent="  ") for line in lines]
    parts: list[RenderableType] = [Paragraph(_answer(calibration), style="bold"), "", *claims]
    return page.render(parts, width=width, color=color)


def floor(calibration: Calibration) -> str:
    """Return the smallest difference that is detected here, in a sentence."""
    run = f"{counted(calibration.sessions_per_run, 'session')} ({duration(calibration.seconds_per_run)})"
    return (
        f"Noise floor: a difference of {calibration.floor_percent:.2g} % ({calibration.floor_us:.2g} us) is detected "
        f"in 80 % of runs of {run}; four times the time halves it."
    )


def mention(calibration: Calibration) -> str:
    """Return one line on the last calibration, for a report of results."""
    alarms = f"{counted(calibration.aa.alarms, 'false alarm')} in {counted(calibration.aa.runs, 'A/A run')}"
    return f"Last calibration of this host: {alarms}. {floor(calibration)}"


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
        yield f"A/A comparisons showed a difference in {calibration.aa.alarms} of {counted(calibration.aa.runs, 'run')}"
    for spike in calibration.spikes:
        if spike.covered < 0.9 * spike.runs:
            missed = spike.runs - spike.covered
            yield f"{missed} of {spike.runs} intervals do not contain the injected spike of {spike.us} us"
    if calibration.swap.flipped < calibration.swap.runs:
        yield "swapping the labels changed more than the sign"


def _alarms_line(calibration: Calibration) -> str:
    aa = calibration.aa
    return (
        f"A/A comparison: false alarms in {aa.alarms} of {counted(aa.runs, 'run')} (95 % interval of the rate "
        f"{aa.percent_low:.1f} to {aa.percent_high:.1f} %; nominal {NOMINAL_PERCENT:.0f} %)."
    )


def _spike_line(spike: Spike) -> str:
    return (
        f"Injected {spike.us} us of CPU time in the app: measured {spike.estimate_us:.1f} us on average; the interval "
        f"contains the true value in {spike.covered} of {counted(spike.runs, 'run')}."
    )


def _swap_line(calibration: Calibration) -> str:
    runs = f"{calibration.swap.flipped} of {counted(calibration.swap.runs, 'run')}"
    return f"Swapped labels: only the sign changed in {runs}."
