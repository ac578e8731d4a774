"""Progress on standard error: nothing that moves by itself, and nothing on standard output."""

import io
import threading

import pytest
from rich.console import Console

from harness.report.commands.progress import print_message, show_progress


def terminal() -> tuple[io.StringIO, Console]:
    stream = io.StringIO()
    return stream, Console(file=stream, force_terminal=True, width=80, color_system=None)


def test_a_pipe_gets_one_plain_line_per_session(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(12, 2, quiet=False) as advance:
        advance(3, 65.0)
        advance(12, 0.0)

    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err == "session 3 of 12, about 1 min 5 s left\nsession 12 of 12\n"


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    print_message("Rehearsing ...", quiet=True)
    with show_progress(12, 0, quiet=True) as advance:
        advance(1, 60.0)

    assert capsys.readouterr() == ("", "")


def test_a_message_is_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_message("Rehearsing [tcp] ...", quiet=False)

    assert capsys.readouterr() == ("", "Rehearsing [tcp] ...\n")


def test_a_terminal_gets_a_bar_that_counts_what_was_done_before() -> None:
    stream, console = terminal()

    with show_progress(12, 2, quiet=False, console=console) as advance:
        assert " 2/12" in stream.getvalue()
        advance(3, 65.0)

    assert " 3/12" in stream.getvalue()
    assert "about 1 min 5 s left" in stream.getvalue()


def test_nothing_is_drawn_between_sessions() -> None:
    stream, console = terminal()
    threads = threading.active_count()

    with show_progress(12, 0, quiet=False, console=console) as advance:
        assert threading.active_count() == threads
        advance(1, 60.0)
        drawn = stream.getvalue()
        threading.Event().wait(0.3)
        assert stream.getvalue() == drawn


def test_the_cursor_comes_back_after_an_interrupted_run() -> None:
    stream, console = terminal()

    with pytest.raises(KeyboardInterrupt), show_progress(12, 0, quiet=False, console=console):
        raise KeyboardInterrupt

    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")
