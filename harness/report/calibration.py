"""Renders a calibration: what the harness may be believed on this machine, a line a claim."""

from collections.abc import Iterator

from rich.console import RenderableType

from harness.analysis.calibration import Calibration, Spike
from harness.report import page
from harness.report.page import Paragraph
from harness.report.wording import counted, duration

NOMINAL_PERCENT = 5.0
FEWEST_RUNS = 10  # of the same arm twice; after fewer, none with a false alarm, a third of all may have one


def render_calibration(found: Calibration, *, width: int | None = None, color: bool = False) -> str:
    """False alarms, coverage of the spikes, label swap and floor; the answer first."""
    lines = [_alarms(found), *map(_spike, found.spikes), _swap(found), floor(found)]
    claims = [Paragraph(line, first_indent="- ", indent="  ") for line in lines]
    parts: list[RenderableType] = [Paragraph(_answer(found), style="bold"), "", *claims]
    return page.render(parts, width=width, color=color)


def floor(found: Calibration) -> str:
    """The smallest difference that is seen here, in a sentence."""
    run = f"{counted(found.sessions_per_run, 'session')} ({duration(found.seconds_per_run)})"
    return (
        f"Floor: a difference of {found.floor_percent:.2g} % ({found.floor_us:.2g} us) is seen in 80 % of runs "
        f"of {run}; four times the time halves it."
    )


def mention(found: Calibration) -> str:
    """One line that stands beside results."""
    alarms = f"{found.aa.alarms} false alarms in {counted(found.aa.runs, 'run')}"
    return f"Last calibration of this host: {alarms}. {floor(found)}"


def _answer(found: Calibration) -> str:
    said = [*_careful(found), *_too_short(found)]
    if not said:
        return "The harness can be believed here: no more false alarms than chance gives, and known spikes are found."
    return " ".join(said)


def _careful(found: Calibration) -> Iterator[str]:
    if reasons := list(_objections(found)):
        yield f"Be careful with results of this machine: {'; '.join(reasons)}."


def _too_short(found: Calibration) -> Iterator[str]:
    if found.aa.runs < FEWEST_RUNS:
        yield (
            f"Too short to tell: {counted(found.aa.runs, 'run')} of the same arm twice, where {FEWEST_RUNS} or more "
            "say whether there are more false alarms than chance gives. A longer --budget tells."
        )


def _objections(found: Calibration) -> Iterator[str]:
    if found.aa.percent_low > NOMINAL_PERCENT:
        yield f"one arm was called different from itself in {found.aa.alarms} of {counted(found.aa.runs, 'run')}"
    for spike in found.spikes:
        if spike.covered < 0.9 * spike.runs:
            yield f"the spike of {spike.us} us was missed by {spike.runs - spike.covered} of {spike.runs} intervals"
    if found.swap.flipped < found.swap.runs:
        yield "exchanging labels changed more than the sign"


def _alarms(found: Calibration) -> str:
    aa = found.aa
    return (
        f"The same arm twice: called different in {aa.alarms} of {counted(aa.runs, 'run')} "
        f"(95 % interval of that rate {aa.percent_low:.1f} to {aa.percent_high:.1f} %; "
        f"{NOMINAL_PERCENT:.0f} % is promised)."
    )


def _spike(spike: Spike) -> str:
    return (
        f"{spike.us} us of CPU time more in the app: {spike.estimate_us:.1f} us seen on average; "
        f"the interval contained the truth in {spike.covered} of {counted(spike.runs, 'run')}."
    )


def _swap(found: Calibration) -> str:
    runs = f"{found.swap.flipped} of {counted(found.swap.runs, 'run')}"
    return f"Labels exchanged: the sign flipped and nothing else changed in {runs}."
