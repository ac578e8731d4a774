"""How the functions and subsystems of a difference are told, in every format."""

import json
import re

import pytest

from harness.analysis.summary import run_summary
from harness.analysis.why.profile import profile_comparisons
from harness.model import Design, Explanation, Interval, Summary
from harness.report.export.csv_file import render_csv
from harness.report.export.folded import folded_stacks
from harness.report.overview import brief_causes
from harness.report.sections.profile import calls_sentence, code_sentence
from tests.support.profiled_sessions import profiled_run
from tests.support.run_reports import render_markdown, render_terminal
from tests.support.simulated_sessions import schedule_of

TRUTH = {
    "tcp": {"tcp_ack_[k]": 20.0, "_raw_spin_unlock_irqrestore_[k]": 30.0, "main (python3.11)": 200.0},
    "unix": {"unix_poll_[k]": 8.0, "_raw_spin_unlock_irqrestore_[k]": 22.0, "main (python3.11)": 200.0},
}
RUN = profiled_run(TRUTH)


def summary() -> Summary:
    plain = run_summary(RUN.experiment, RUN.sessions, directory="d", schedule=schedule_of(8), seconds_total=9.0)
    return plain.model_copy(update={"profiles": profile_comparisons(RUN)})


def test_functions_and_subsystems_are_told_with_what_is_left() -> None:
    for text in (render_terminal(summary(), Design()), render_markdown(summary(), Design())):
        plain = text.replace("\\", "")
        for words in (
            *("Where the difference is made", "app: tcp_ack", "app: unix_poll", "app: _raw_spin_unlock_irqrestore *"),
            *("all other functions", "CPU time, from the counters", "interrupts off *", "Unix socket", ".folded"),
        ):
            assert words in plain


def test_tables_have_functions_too() -> None:
    lines = render_csv(summary()).splitlines()
    (line,) = [line for line in lines if "profile app: tcp_ack_us" in line]
    assert line.endswith("less")
    assert any("profile subsystem app: TCP_us" in line for line in lines)
    assert json.loads(summary().model_dump_json())["profiles"][0]["functions"][0]["name"] == "tcp_ack"


def explained(known: Summary) -> Summary:
    """The summary with an explanation that no counter supports."""
    time_us = Interval(value=-20.0, low=-22.0, high=-18.0)
    parts = {"cpu_us": {}, "waiting_us": {}, "cpu_total_us": time_us, "waiting_total_us": None, "rest_us": None}
    verdicts = {"cpu_agrees": True, "counts_agree": None, "agree": (), "oppose": (), "evidence": "timing and CPU"}
    explanation = Explanation.model_validate({"arm": "unix", "against": "tcp", "time_us": time_us, **parts, **verdicts})
    return known.model_copy(update={"explanations": (explanation,)})


def test_the_first_screen_names_the_subsystems_that_differ() -> None:
    (profile,) = summary().profiles
    sentence = code_sentence(profile)
    assert re.fullmatch(
        r"unix against tcp in code: app TCP -[\d.]+ us and app interrupts off -[\d.]+ us; app Unix socket \+7.8 us\.",
        sentence,
    )
    assert brief_causes(explained(summary()))[1:] == [sentence]
    equal = profile.model_copy(update={"subsystems": (), "inclusive": ()})
    assert code_sentence(equal) == calls_sentence(equal) == ""


def test_a_run_without_a_profile_says_nothing_of_it() -> None:
    plain = summary().model_copy(update={"profiles": ()})
    assert "Where the difference is made" not in render_terminal(plain, Design())


def test_stacks_are_lines_that_flame_graphs_are_made_of() -> None:
    files = dict(folded_stacks(RUN.sessions))
    assert set(files) == {"profile/tcp.folded", "profile/unix.folded"}
    stack, _, count = files["profile/tcp.folded"].splitlines()[0].rpartition(" ")
    assert stack == "app;main (app);_raw_spin_unlock_irqrestore_[k]"
    assert int(count) > 1000
    assert list(folded_stacks([])) == []


def test_the_share_by_which_the_profiler_slowed_a_role_is_told_and_widens_its_intervals() -> None:
    (profile,) = summary().profiles
    assert profile.slowdowns == {"app": pytest.approx(0.2, abs=0.01)}
    (part,) = [part for part in profile.functions if part.name == "tcp_ack"]
    assert part.us.low is not None
    assert part.us.high is not None
    assert part.us.low < -23
    assert -17 < part.us.high < 0
    assert "CPU time that the profiler added: app 20 %." in " ".join(render_terminal(summary(), Design()).split())
