"""Progress of a run on standard error, drawn only on request: never while a burst runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from harness.report.format import format_duration

Advance = Callable[[int, float], None]  # (number of the session that ended, seconds left)


@contextmanager
def show_progress(sessions: int, done: int, *, quiet: bool, console: Console | None = None) -> Iterator[Advance]:
    """Yield a function to call after each session: a bar on a terminal, else one line per session; `quiet`: nothing.

    No thread refreshes the bar. `console` is standard error by default.
    """
    console = console or standard_error()
    has_bar = console.is_terminal and not console.is_dumb_terminal and not quiet
    bar = Progress(
        TextColumn("session"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not has_bar,
    )

    def advance(session: int, left_s: float) -> None:
        left = f"about {format_duration(left_s)} left" if left_s > 0 else ""
        bar.update(task, advance=1, description=left, refresh=True)
        if not has_bar and not quiet:
            console.print(", ".join(filter(None, [f"session {session} of {sessions}", left])), soft_wrap=True)

    with bar:
        task = bar.add_task("", total=sessions, completed=done)
        bar.refresh()
        yield advance


def print_message(text: str, *, quiet: bool, console: Console | None = None) -> None:
    """Print a line on standard error, before or after the sessions."""
    if not quiet:
        (console or standard_error()).print(text, soft_wrap=True)


def standard_error() -> Console:
    """Return a plain console on standard error."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)
