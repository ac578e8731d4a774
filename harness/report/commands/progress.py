"""Progress of a run on standard error, drawn only on request: never while a burst runs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar

from harness.analysis.contrasts.engine import JudgedContrast
from harness.analysis.contrasts.rates import shown_percent
from harness.report.format import (
    ReportedInterval,
    amount_interval,
    decimals_for,
    format_duration,
    format_percent,
    format_unsigned,
)
from harness.report.text.terminal import MAX_LINE_WIDTH, Paragraph

MIN_SESSIONS = 3  # before which no estimate is shown
MOST_HALF_WIDTH_PERCENT = 50.0  # beyond which an interval says nothing
MOST_NAMES = 2  # of arms with their estimates; further ones are counted


class Progress:
    """What a run shows while it lasts: on a terminal a bar with words, else lines; nothing if `is_quiet`.

    No thread refreshes the bar. `console` is standard error by default.
    """

    def __init__(self, console: Console | None = None, *, is_quiet: bool = False) -> None:
        self.is_quiet = is_quiet
        self._console = console or standard_error()
        has_bar = self._console.is_terminal and not self._console.is_dumb_terminal and not is_quiet
        self._live = _still_display(self._console) if has_bar else None
        self._began_s = self._console.get_time()
        self._share, self._estimate = 0.0, ""

    def say(self, text: str) -> None:
        """Print a message, above the bar if there is one; on a terminal its lines end between words."""
        if self.is_quiet:
            return
        if not self._console.is_terminal:
            self._console.print(text, soft_wrap=True)
            return
        for line in text.splitlines():
            self._console.print(Paragraph(line))

    def begin(self, phase: str, left_s: float = 0.0) -> None:
        """Draw the bar for a phase, like "pilot"; `left_s`: the seconds until the end of the run, 0 if unknown."""
        if self._live is None:
            return
        spent_s = self._console.get_time() - self._began_s
        if left_s > 0:
            self._share = spent_s / (spent_s + left_s)
        bar = ProgressBar(1.0, self._share, min(self._console.width, MAX_LINE_WIDTH))
        words = Paragraph(_join([_with_time(phase, left_s), self._estimate]))
        self._live.start()
        self._live.update(Group(Padding(bar, 0), words), refresh=True)

    def end_session(self, session: int, sessions: int, left_s: float, estimate: str) -> None:
        """Keep the `estimate` for the next drawing of the bar; without a bar print a line."""
        self._estimate = estimate
        if self._live is None:
            self.say(_join([_with_time(f"session {session} of {sessions}", left_s), estimate]))

    def close(self) -> None:
        """Remove the bar."""
        if self._live:
            self._live.stop()


@contextmanager
def show_progress(console: Console | None = None, *, is_quiet: bool) -> Iterator[Progress]:
    """Yield the progress of a run; after the body its bar is gone."""
    progress = Progress(console, is_quiet=is_quiet)
    try:
        yield progress
    finally:
        progress.close()


def estimate_text(effects: Sequence[JudgedContrast]) -> str:
    """Return `uds-tmpfs -8.1 % ±0.9; 3 more, up to ±1.2 %`; "" without intervals that say something.

    They are those that a report of these sessions has.
    """
    intervals = [(effect, interval) for effect in effects if (interval := _meaningful_interval(effect))]
    numbers = Counter(effect.contrast.arm for effect, _ in intervals)
    texts = [
        f"{effect.contrast.arm}{f' against {effect.contrast.against}' if numbers[effect.contrast.arm] > 1 else ''} "
        f"{format_percent(interval)} {_half_width(interval)}"
        for effect, interval in intervals[:MOST_NAMES]
    ]
    others = [interval for _, interval in intervals[MOST_NAMES:]]
    if others:
        widest = max(others, key=lambda interval: interval.half_width)
        texts.append(f"{len(others)} more, up to {_half_width(widest)} %")
    return _join(texts)


def _meaningful_interval(effect: JudgedContrast) -> ReportedInterval | None:
    interval = amount_interval(shown_percent(effect.judgement.in_percent, effect.contrast.metric))
    has_meaning = len(effect.values.sessions) >= MIN_SESSIONS and not effect.judgement.why
    return interval if interval and has_meaning and interval.half_width <= MOST_HALF_WIDTH_PERCENT else None


def _half_width(interval: ReportedInterval) -> str:
    return f"±{format_unsigned(interval.half_width, decimals_for(interval.half_width, 1))}"


def _with_time(phase: str, left_s: float) -> str:
    return f"{phase}, about {format_duration(left_s)} left" if left_s > 0 else phase


def _join(texts: Sequence[str]) -> str:
    return "; ".join(filter(None, texts))


def _still_display(console: Console) -> Live:
    """Return a display that changes only when it is told to, and leaves nothing behind."""
    return Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)


def standard_error() -> Console:
    """Return a plain console on standard error."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)
