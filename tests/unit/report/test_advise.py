"""The report of advice and its sysctl.d file: golden texts, and what a file to review never does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.analysis.contrasts.knob_advice import Advice, advise
from harness.report.commands.advise import advice_report
from harness.report.export.sysctl_file import render_sysctl
from harness.report.html.page import render_page
from harness.report.text.markdown import render_markdown
from harness.report.text.terminal import render_terminal
from tests.support.factorial_experiments import factorial
from tests.support.simulated_run import PILOT, run_of

DATA = Path(__file__).parents[2] / "data" / "advice"
EFFECTS = {
    "net.ipv4.tcp_sack": 0.9,
    "net.ipv4.tcp_dsack": 1.1,
    "net.ipv4.tcp_autocorking": 1.0,
    "net.ipv4.tcp_frto": 1.012,
    "sched.autogroup": 0.95,
}


@pytest.fixture(scope="module")
def advice() -> Advice:
    experiment = factorial(
        {f"knobs.{knob}": [1, 0] for knob in EFFECTS}, against="", design={"screen": "one-at-a-time"}
    )
    truth = {
        arm: next((time for knob, time in EFFECTS.items() if levels[f"knobs.{knob}"] == "0"), 1.0)
        for arm, levels in experiment.levels.items()
    }
    run = run_of(truth, experiment=experiment, rounds=20)
    summary = run.summary.model_copy(update={"schedule": run.plan.schedule, "pilot": PILOT})
    return advise(experiment, summary, "6.12.0", lambda knob, _: knob if knob.startswith("net.") else "")


def test_advice_reads_as_expected(advice: Advice, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / "advice.txt", render_terminal(advice_report(advice), width=100))
    golden(DATA / "advice.md", render_markdown(advice_report(advice)))
    golden(DATA / "advice.conf", render_sysctl(advice))


def settings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_file_sets_what_helps_and_nothing_else(advice: Advice) -> None:
    assert settings(render_sysctl(advice)) == ["net.ipv4.tcp_sack = 0"]


def test_a_file_from_a_run_that_is_not_valid_sets_nothing(advice: Advice) -> None:
    text = render_sysctl(advice.model_copy(update={"valid": False}))

    assert settings(text) == []
    assert "NOT VALID" in text


def test_a_value_from_others_results_cannot_add_a_setting(advice: Advice) -> None:
    helpful = advice.changes[0].model_copy(update={"at": {"net.ipv4.tcp_sack": "0\nkernel.core_pattern = |/tmp/x"}})

    text = render_sysctl(advice.model_copy(update={"changes": (helpful,)}))

    assert settings(text) == ["net.ipv4.tcp_sack = 0 kernel.core_pattern = |/tmp/x"]


def test_of_several_levels_that_help_the_file_sets_the_one_with_the_largest_certain_gain(advice: Advice) -> None:
    change = advice.changes[0]
    less = tuple(effect.model_copy(update={"percent_high": -1.0}) for effect in change.effects)
    other = change.model_copy(update={"at": {"net.ipv4.tcp_sack": "2"}, "effects": less})

    text = render_sysctl(advice.model_copy(update={"changes": (other, change)}))

    assert settings(text) == ["net.ipv4.tcp_sack = 0"]
    assert "# net.ipv4.tcp_sack = 2" in text


def test_the_page_folds_the_file(advice: Advice) -> None:
    page = render_page(advice_report(advice))

    assert "net.ipv4.tcp_sack = 0" in page.partition("<details")[2]


@pytest.mark.parametrize("width", [60, 70, 80, 90])
def test_no_name_of_a_setting_breaks_in_a_narrow_terminal(advice: Advice, width: int) -> None:
    narrow, wide = (render_terminal(advice_report(advice), width=room).replace("─", " ") for room in (width, 1000))

    assert {word.strip("(),") for word in narrow.split()} <= {word.strip("(),") for word in wide.split()}
