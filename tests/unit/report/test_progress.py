"""Progress on standard error: nothing that moves by itself, and nothing on standard output."""

import io
import re
import threading

import pytest
from rich.console import Console

from harness.analysis.summary import deciding_effects
from harness.report.commands.progress import Progress, estimate_text, show_progress
from tests.support.simulated_run import Run, run_of

WIDTHS = (40, 60, 80, 100, 200)
ESCAPE = re.compile(r"\x1b\[[?0-9;]*[a-z]")
WORDS = "session 5 of 28, about 1 min 5 s left; uds-tmpfs -8.1 % ±0.9; uds-dir -7.8 % ±1.1"


def terminal(width: int = 80) -> tuple[io.StringIO, Console]:
    stream = io.StringIO()
    return stream, Console(
        file=stream, force_terminal=True, width=width, color_system="standard", no_color=False, emoji=False
    )


def drawn_lines(stream: io.StringIO) -> list[str]:
    """Return the lines of the last drawing, without what moves the cursor."""
    drawing = stream.getvalue().rpartition("\x1b[2K")[2]
    return [line.strip() for line in ESCAPE.sub("", drawing).split("\n") if line.strip()]


def estimate_after(run: Run, sessions: int) -> str:
    return estimate_text(deciding_effects(run.plan.experiment, run.sessions[:sessions], (4, 6, 8)))


def half_widths(text: str) -> list[float]:
    return [float(part.split()[0].rstrip(";")) for part in text.split("±")[1:]]


def test_a_pipe_gets_one_plain_line_per_session(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(is_quiet=False) as progress:
        progress.begin("preflight")
        progress.end_session(3, 12, 65.0, "uds-tmpfs -8.1 % ±0.9")
        progress.end_session(12, 12, 0.0, "")

    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err == "session 3 of 12, about 1 min 5 s left; uds-tmpfs -8.1 % ±0.9\nsession 12 of 12\n"


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    stream, console = terminal()
    for progress in (Progress(is_quiet=True), Progress(console, is_quiet=True)):
        progress.say("Rehearsing ...")
        progress.begin("pilot", 60.0)
        progress.end_session(1, 12, 60.0, "uds-tmpfs -8.1 % ±0.9")
        progress.close()

    assert capsys.readouterr() == ("", "")
    assert stream.getvalue() == ""


def test_a_message_is_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().say(f"Rehearsing [tcp] {'for long ' * 20}...")

    assert capsys.readouterr() == ("", f"Rehearsing [tcp] {'for long ' * 20}...\n")


@pytest.mark.parametrize("width", WIDTHS)
def test_on_a_terminal_lines_end_between_words_at_any_width(width: int) -> None:
    stream, console = terminal(width)
    message = "Plan from the pilot: 28 sessions x 41 rounds; per visit 2 warm-up and 6 timed requests."
    with show_progress(console, is_quiet=False) as progress:
        progress.say(message)
        said = stream.getvalue().splitlines()
        progress.end_session(4, 28, 65.0, "; ".join(WORDS.split("; ")[1:]))
        progress.begin("session 4 of 28", 66.0)
        progress.begin("session 5 of 28", 65.0)
        bar, *words = drawn_lines(stream)

    assert [word for line in said for word in line.split()] == message.split()
    assert set(bar) <= {*"━╸╺"}
    assert [word for line in words for word in line.split()] == WORDS.split()
    assert all(len(line) <= width for line in (*said, bar, *words))


def test_the_bar_is_there_before_the_first_session_and_goes_with_the_run() -> None:
    stream, console = terminal()

    with show_progress(console, is_quiet=False) as progress:
        progress.begin("preflight")
        assert drawn_lines(stream)[-1] == "preflight"
        progress.begin("pilot", 119.0)
        assert drawn_lines(stream)[-1] == "pilot, about 1 min 59 s left"
        progress.say("Plan from the pilot")
        assert drawn_lines(stream)[-1] == "pilot, about 1 min 59 s left"
        progress.begin("report")
        assert drawn_lines(stream)[-1] == "report"

    assert drawn_lines(stream) == []


def test_nothing_is_drawn_between_sessions() -> None:
    stream, console = terminal()
    threads = threading.active_count()

    with show_progress(console, is_quiet=False) as progress:
        progress.begin("session 1 of 12", 60.0)
        assert threading.active_count() == threads
        drawn = stream.getvalue()
        threading.Event().wait(0.3)
        assert stream.getvalue() == drawn


def interrupt_pilot(console: Console) -> None:
    with show_progress(console, is_quiet=False) as progress:
        progress.begin("pilot", 60.0)
        raise KeyboardInterrupt


def test_the_cursor_comes_back_after_an_interrupted_run() -> None:
    stream, console = terminal()

    with pytest.raises(KeyboardInterrupt):
        interrupt_pilot(console)

    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")


def test_the_estimate_is_that_of_the_report_and_narrows() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.92}, sessions=8, rounds=20)
    (comparison,) = (c for c in run.summary.comparisons if c.metric == "latency" and c.arm == "uds-tmpfs")
    assert comparison.percent_low is not None
    assert comparison.percent_high is not None

    first, last = estimate_after(run, 3), estimate_after(run, 8)

    half_width = (comparison.percent_high - comparison.percent_low) / 2
    assert last.startswith(f"uds-tmpfs {comparison.percent:+.1f} % ±")
    assert half_widths(last) == [round(half_width, 1)]
    assert half_widths(last) < half_widths(first)


def test_too_few_sessions_have_no_estimate() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.92}, sessions=3, rounds=20)

    assert [estimate_after(run, sessions) for sessions in (1, 2)] == ["", ""]
    assert estimate_after(run, 3).startswith("uds-tmpfs")


def test_an_arm_with_failed_requests_has_no_estimate() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.92, "uds-dir": 0.9}, failures={"uds-tmpfs": 3}, rounds=20)

    assert estimate_after(run, 8).startswith("uds-dir")


def test_many_estimates_are_counted_and_two_references_are_named() -> None:
    truth = {"tcp": 1.0, "other": 1.0, **{f"uds-{number}": 0.9 for number in range(4)}}
    run = run_of(truth, against={arm: "tcp" for arm in truth if arm != "tcp"}, rounds=20)
    pairs = (("uds-0", "tcp"), ("uds-0", "other"), *run.plan.experiment.pairs[3:])
    experiment = run.plan.experiment.model_copy(update={"pairs": pairs})

    text = estimate_text(deciding_effects(experiment, run.sessions, (8,)))

    assert text.startswith("uds-0 against tcp -")
    assert "; uds-0 against other -" in text
    assert " 3 more, up to ±" in text
