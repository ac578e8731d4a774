"""The study of the headline: its order, the tally of its runs, and sentences that say no more than the intervals."""

import csv
from collections.abc import Sequence

import pytest
from click.testing import CliRunner
from scipy import stats

from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from harness.model import Verdict
from harness.model.record import HostFacts
from harness.session.summarize import RunResults
from harness.store.store import Store
from scripts.precision_study.headline.command import headline
from scripts.precision_study.headline.design import EQUAL, MORE, Design, Kind, Trial, burn_us
from scripts.precision_study.headline.finding import ARM, CONTROL, REFERENCE, Finding, finding_of, request_us
from scripts.precision_study.headline.page import Result, csv_text, fill_readme, markdown, result_of
from scripts.precision_study.headline.sentences import alarm_claim, answer, claim, coverage_claim, fewest_to_show
from scripts.precision_study.headline.study import EXPERIMENT
from scripts.precision_study.headline.tally import Tally, share_of, tally_of
from scripts.readme_blocks import README
from tests.support.simulated_run import HOST, LEVEL_US, run_of

DESIGN = Design(runs=20, budget_s=60, seed=1)
TRIAL = Trial(request_us=348.2)


def finding(run: int, kind: Kind, verdict: Verdict | None, *, off_us: float = 0.0) -> Finding:
    """A run whose interval of 1 us to either side is `off_us` away from the truth."""
    truth_us = burn_us(kind, TRIAL.request_us)
    us = truth_us + off_us
    return Finding(
        run=run,
        kind=kind,
        burn_us=truth_us,
        request_us=350,
        verdict=verdict,
        percent=us / 3.5,
        percent_low=(us - 1) / 3.5,
        percent_high=(us + 1) / 3.5,
        us=us,
        us_low=us - 1,
        us_high=us + 1,
        control_verdict="equivalent",
        is_valid=True,
        sessions=16,
        seconds=58.8,
    )


def runs(kind: Kind, *verdicts: Verdict | None, times: int = 1, off_us: float = 0.0) -> list[Finding]:
    return [finding(run, kind, verdict, off_us=off_us) for run, verdict in enumerate(times * verdicts, start=1)]


GOOD = [
    *runs(MORE, "slower", times=20),
    *runs(EQUAL, "equivalent", times=18),
    *runs(EQUAL, "undecided"),
    *runs(EQUAL, "faster", off_us=-1.5),
]
BAD = [
    *runs(MORE, "slower", times=9),
    *runs(MORE, "undecided", times=8),
    *runs(MORE, "equivalent", "faster", None, off_us=-3),
    *runs(EQUAL, "slower", times=6, off_us=2),
    *runs(EQUAL, "equivalent", times=14),
]


def result(findings: Sequence[Finding]) -> Result:
    return result_of(DESIGN, TRIAL, findings, tally_of(findings), HOST)


def sentences(tally: Tally) -> list[str]:
    return [claim(tally.found), alarm_claim(tally.alarms), coverage_claim(tally.covered)]


def test_the_order_has_as_many_runs_of_each_kind_and_follows_from_the_seed() -> None:
    assert sorted(DESIGN.order) == [EQUAL] * 20 + [MORE] * 20
    assert DESIGN.order == Design(runs=20, budget_s=5, seed=1).order
    assert DESIGN.order != Design(runs=20, budget_s=60, seed=2).order
    assert DESIGN.order[:20] != (EQUAL,) * 20


def test_no_two_runs_have_the_same_seed() -> None:
    designs = [DESIGN, DESIGN.model_copy(update={"seed": 2})]
    assert len({design.run_seed(number) for design in designs for number in range(41)}) == 82


@pytest.mark.parametrize(("request_us", "expected_us"), [(348.2, 3.5), (1000, 10), (52, 0.5), (2, 0.1)])
def test_the_burn_is_one_percent_of_the_request_and_never_nothing(request_us: float, expected_us: float) -> None:
    assert (burn_us(MORE, request_us), burn_us(EQUAL, request_us)) == (expected_us, 0)


def test_the_experiment_is_the_same_arm_three_times_but_for_the_burn() -> None:
    experiment = read_experiment(EXPERIMENT, [f"arms.{ARM}.path=/spike/3.5"])
    same, more = experiment.arm(REFERENCE).settings, experiment.arm(ARM).settings
    assert experiment.arm(CONTROL).control_of == REFERENCE
    assert same.model_copy(update={"path": "/spike/3.5"}) == more
    assert experiment.pairs == ((CONTROL, REFERENCE), (ARM, REFERENCE))
    packaged = read_experiment(EXPERIMENT.parents[3] / "configs/baseline.toml")
    assert experiment.design == packaged.design


@pytest.mark.parametrize(("count", "trials"), [(0, 1), (0, 20), (1, 20), (18, 20), (20, 20), (33, 40)])
def test_a_share_has_the_exact_binomial_interval(count: int, trials: int) -> None:
    share, textbook = share_of(count, trials), stats.binomtest(count, trials).proportion_ci(0.95, "exact")
    assert [share.low, share.high] == pytest.approx([textbook.low, textbook.high])


def test_only_slower_is_found_and_either_way_is_a_false_alarm() -> None:
    good, bad = tally_of(GOOD), tally_of(BAD)
    assert (good.found.count, good.alarms.count, good.covered.count) == (20, 1, 39)
    assert (bad.found.count, bad.alarms.count, bad.covered.count) == (9, 6, 31)
    assert bad.kinds[MORE].verdicts == {"slower": 9, "faster": 1, "equivalent": 1, "undecided": 8, "no verdict": 1}


def test_a_finding_has_the_numbers_of_the_arm_and_the_time_of_a_request_of_the_reference() -> None:
    run = run_of({REFERENCE: 1.0, ARM: 1.05}, sessions=8, rounds=12, raw=False)
    results = RunResults(Store(EXPERIMENT.parent), run.plan, run.sessions, HostFacts(), None, run.summary)
    records = results.records
    found = finding_of(7, 20.0, results, 58.5)
    assert (found.run, found.kind, found.verdict, found.sessions) == (7, MORE, "slower", 8)
    assert found.percent == pytest.approx(5, abs=2)
    assert found.request_us == request_us(records) == pytest.approx(LEVEL_US, rel=0.1)
    assert found.burn_percent == pytest.approx(100 * 20 / found.request_us)


def test_a_run_without_numbers_counts_and_is_no_hit() -> None:
    numbers = ("percent", "percent_low", "percent_high", "us", "us_low", "us_high")
    lost = finding(1, MORE, None).model_copy(update=dict.fromkeys(numbers))
    tally = tally_of([lost, *runs(MORE, "slower"), *runs(EQUAL, "equivalent")])
    assert (tally.found.count, tally.found.runs, tally.covered.count, tally.covered.runs) == (1, 2, 2, 3)
    assert tally.half_width_percent == pytest.approx(1 / 3.5)
    assert csv_text([lost]).splitlines()[1].startswith("1,more work,3.5,350.0,,,,,,,,")


def test_a_good_outcome_is_told_with_its_intervals_and_twenty_hits_do_not_show_nine_in_ten() -> None:
    tally = tally_of(GOOD)
    assert answer(tally, 60) == (
        "With a budget of 60 s per run, barehop found 1 % more work (3.5 us per request) in 20 of 20 runs, 100 % (95 % "
        "interval 83.1 to 100), and called two equal arms different in 1 of 20 runs, 5 % (0.1 to 24.9)."
    )
    assert sentences(tally) == [
        "So at least 83.1 % of such runs find it. To show 90 %, it takes 36 runs that all find it.",
        "For equal arms, the interval contains the 5 % that a verdict allows.",
        "The true difference lay in the run's interval in 39 of 40 runs, 97.5 % (86.8 to 100).",
    ]


def test_a_bad_outcome_is_told_as_plainly() -> None:
    tally = tally_of(BAD)
    assert "in 9 of 20 runs, 45 % (95 % interval 23 to 68.5)" in answer(tally, 60)
    assert sentences(tally) == [
        "So fewer than nine in ten such runs find it.",
        "Equal arms are called different in more than the 5 % of runs that a verdict allows: do not rely on it.",
        "The true difference lay in the run's interval in 31 of 40 runs, 77.5 % (61.5 to 89.2). That is less often "
        "than the 95 % that the intervals promise.",
    ]


def test_nine_in_ten_is_said_where_the_whole_interval_is_above_it() -> None:
    fewest = fewest_to_show(0.9)
    assert claim(share_of(fewest, fewest)) == "So at least nine in ten such runs find it."
    assert "To show 90 %" in claim(share_of(fewest - 1, fewest - 1))
    assert claim(share_of(38, 40)) == "So at least 83 % of such runs find it. Whether it is 90 % is undecided."


def test_few_false_alarms_are_told_as_fewer_only_where_the_interval_says_so() -> None:
    assert alarm_claim(share_of(0, 20)) == "For equal arms, the interval contains the 5 % that a verdict allows."
    assert (
        alarm_claim(share_of(0, 100))
        == "Equal arms are called different in less than the 5 % of runs that a verdict allows."
    )


def test_the_page_has_the_answer_the_command_and_every_run() -> None:
    page = markdown(result(GOOD))
    assert page.startswith("# One minute, one percent\n\n**With a budget of 60 s per run, barehop found 1 % more work")
    assert "To measure again: `scripts/precision --headline --runs 20 --budget 60 --seed 1`." in page
    assert "Example CPU 3000" in page
    assert "no verdict" not in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert "| found; false alarms | 20 of 20 runs, 100 % (83.1 to 100) | 1 of 20 runs, 5 % (0.1 to 24.9) |" in rows
    assert sum("| more work |" in row or "| equal |" in row for row in rows) == 40
    assert "| no verdict | 1 | 0 |" in markdown(result(BAD))


def test_the_table_of_runs_has_a_line_for_each_with_all_digits() -> None:
    rows = list(csv.DictReader(csv_text(GOOD).splitlines()))
    assert len(rows) == 40
    assert (rows[0]["kind"], rows[0]["verdict"], float(rows[0]["percent_low"])) == (MORE, "slower", 2.5 / 3.5)


def test_everything_is_in_the_json() -> None:
    whole = result(BAD)
    assert Result.model_validate_json(whole.model_dump_json()) == whole


def test_the_readme_has_a_place_for_the_headline_that_can_be_filled_again() -> None:
    readme = README.read_text(encoding="utf-8")
    filled = fill_readme(fill_readme(readme, result(BAD)), result(GOOD))
    text = " ".join(filled.split())
    assert f"{answer(tally_of(GOOD), 60)} So at least 83.1 %" in text
    assert "9 of 20 runs" not in text
    assert fill_readme(filled, result(GOOD)) == filled
    assert max(map(len, filled.splitlines())) <= max(120, *map(len, readme.splitlines()))
    with pytest.raises(ConfigError, match="no lines between"):
        fill_readme("# barehop\n", result(GOOD))


@pytest.mark.parametrize("options", [["--runs", "2"], ["--budget", "5"], ["--seed", "0"], ["--out", "elsewhere"]])
def test_a_study_that_continues_is_as_it_was_planned(options: list[str]) -> None:
    ended = CliRunner().invoke(headline, ["--resume", ".", *options])
    assert isinstance(ended.exception, ConfigError)
    assert "continues a study as planned" in str(ended.exception)


def test_a_directory_without_a_study_is_not_continued() -> None:
    ended = CliRunner().invoke(headline, ["--resume", "."])
    assert isinstance(ended.exception, ConfigError)
    assert "holds no study of the headline" in str(ended.exception)
