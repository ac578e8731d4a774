"""How the chain of a request is told, in every format."""

import json

from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.summary import run_summary
from harness.analysis.why.waiting import waiting_results
from harness.model import Design, Summary
from harness.report.export.csv_file import render_csv
from tests.support.run_reports import render_markdown, render_terminal
from tests.support.simulated_sessions import schedule_of
from tests.support.waiting_sessions import chain_of, waiting_run

TRUTH = {"tcp": chain_of(14, 23, 21, 14), "unix": chain_of(14, 23, 13, 14)}
WHOLE, LEAKING = waiting_run(TRUTH), waiting_run(TRUTH, left_us=30)


def summary(run: RunEvidence = WHOLE) -> Summary:
    plain = run_summary(run.experiment, run.sessions, directory="d", schedule=schedule_of(8), seconds_total=9.0)
    chains, waiting = waiting_results(run)
    return plain.model_copy(update={"chains": chains, "waiting": waiting})


def words(text: str) -> str:
    return " ".join(text.replace("\\", "").split())


def test_the_way_of_a_request_is_told_with_its_sum_and_what_is_left() -> None:
    for text in (render_terminal(summary(), Design()), render_markdown(summary(), Design())):
        plain = words(text)
        for told in (
            *("What a request waits for", "client runs", "nginx wakes app", "app wakes nginx", "sum of the parts"),
            *("time of a request, while traced", "unix against tcp: waiting by role", "nginx: woken to running"),
            *('What "+ the rest" is made of', "minus CPU time that delays no request"),
            "CPU time and wake-ups add up to the time of a request within its interval: tcp and unix.",
            "Tracing takes time itself. A request took, while traced: tcp 424 us instead of 354 us",
            "16 of 4800 requests could not be followed back to the start.",
        ):
            assert told in plain


def test_a_chain_that_does_not_add_up_says_by_how_much() -> None:
    plain = words(render_terminal(summary(LEAKING), Design()))
    assert "within its interval" not in plain
    assert "tcp: CPU time and wake-ups do not add up to the time of a request, 383.7 us" in plain
    assert "+29.8 us (+29.4 to +30.2) are left" in plain


def test_one_session_claims_nothing_about_the_sum() -> None:
    plain = words(render_terminal(summary(waiting_run(TRUTH, sessions=1)), Design()))
    assert "What a request waits for" in plain
    assert "add up" not in plain


def test_tables_have_the_chain_too() -> None:
    lines = render_csv(summary()).splitlines()
    for quantity in ("waiting client wakes nginx_us", "waiting left_us", "waiting the rest: left_us"):
        assert any(quantity in line for line in lines)
    (line,) = [line for line in lines if "waiting nginx median difference_us" in line]
    assert line.endswith("less")
    assert json.loads(summary().model_dump_json())["chains"][0]["parts"][1]["waker"] == "client"


def test_a_run_without_traces_says_nothing_of_them() -> None:
    plain = summary().model_copy(update={"chains": (), "waiting": ()})
    assert "What a request waits for" not in render_terminal(plain, Design())
