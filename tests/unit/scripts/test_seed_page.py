"""The page that answers the write-up: every number in it is of the study that it is written from."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.analysis.validation.bare_run import BareRun
from harness.analysis.validation.validate import validate
from harness.errors import ConfigError
from harness.model import Summary
from harness.session.validate import seed_results
from scripts.seed_study.__main__ import seed
from scripts.seed_study.page import page_of
from scripts.seed_study.singles import singles_of
from scripts.seed_study.study import BASELINE, LADDER, PAGE, QUOTA, SEED, Study, publish, read_study
from tests.support.comparable_runs import run_data, write_run
from tests.support.imported_runs import floor
from tests.support.simulated_run import HOST, Run, run_of

PLACEHOLDERS = re.compile(r"\{\{|\}\}|\{%|None|nan|<function")


def named(run: Run, name: str) -> Summary:
    return run.summary.model_copy(update={"directory": name, "experiment": name})


@cache
def study(unix: float = 0.95, *, others: tuple[str, ...] = (), with_floor: bool = True) -> Study:
    protocol = run_of({"tcp": 1.0, "sharedvolume": unix, "combined": unix}, sessions=4, rounds=12, raw=False)
    baseline = run_of({"tcp": 1.0, "uds-tmpfs": unix, "uds-dir": unix}, sessions=4, rounds=12, raw=False)
    records = [session.record for session in protocol.sessions]
    known = floor() if with_floor else None
    summary = named(protocol, SEED)
    return Study(
        summaries={
            SEED: summary,
            BASELINE: named(baseline, BASELINE),
            **{
                name: named(run_of({"tcp": 1.0, f"tcp-{name}": 1.3}, sessions=2, rounds=8, raw=False), name)
                for name in others
            },
        },
        records=records,
        host=HOST,
        validation=validate(BareRun(protocol.plan.experiment, summary, records, known), seed_results()),
        precision=(),
    )


def test_the_page_answers_all_three_questions_and_names_the_kind_of_machine() -> None:
    page = page_of(study())

    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Does the transport matter?",
        "## Why may Fargate have said otherwise?",
        "## What can a single `ab` run tell?",
        "## The write-up's table, cell by cell",
    ]
    assert "Example CPU 3000" in page
    assert "4 of its 4 claims are losses; 4 of these are more than a socket can cost." in page
    assert not PLACEHOLDERS.search(page)


def test_another_study_gives_another_page() -> None:
    faster, slower = page_of(study(0.9)), page_of(study(1.2))

    assert "uds-tmpfs) is faster than" in " ".join(faster.split())
    assert "uds-tmpfs) is slower than" in " ".join(slower.split())


def test_what_was_not_measured_is_named_and_what_was_is_told() -> None:
    without, whole = page_of(study()), page_of(study(others=(LADDER, QUOTA)))

    assert "Not measured here: `ladder`" in without
    assert "Not measured here: `ladder-quota`" in without
    assert "Not measured" not in whole
    assert "tcp-ladder-quota" in whole


@pytest.mark.parametrize(
    ("unix", "unix_rungs_us", "said", "unsaid"),
    [
        (0.9, 5.0, "None of them explains why a socket should lose", "make the socket the slower one"),
        (0.9, 400.0, "by themselves they make the socket the slower one", "None of them explains"),
        (1.2, 5.0, "a Unix socket was slower than TCP in ", "None of them explains"),
    ],
)
def test_what_is_left_of_the_reasons_follows_from_ladder_and_quota(
    unix: float, unix_rungs_us: float, said: str, unsaid: str
) -> None:
    seen = study(unix, others=(LADDER, QUOTA))
    assert seen.validation.bound is not None
    rungs = {"ladder": LADDER, "unix_rungs_us": unix_rungs_us, "tcp_rungs_us": 300.0}
    bound = seen.validation.bound.model_copy(update=rungs)
    quota = run_of({"tcp": 1.0, "uds-tmpfs": unix}, sessions=4, rounds=12, raw=False)
    page = page_of(
        replace(
            seen,
            summaries={**seen.summaries, QUOTA: named(quota, QUOTA)},
            validation=seen.validation.model_copy(update={"bound": bound}),
        )
    )

    assert said in page
    assert unsaid not in page


def test_without_a_floor_no_claim_is_called_too_large() -> None:
    page = page_of(study(with_floor=False))

    assert "is not known" in page
    assert "cannot cost so much" not in page


def test_each_single_run_s_pair_is_counted() -> None:
    found = singles_of(study().records, "control", "tcp")

    assert found is not None
    assert found.pairs == 4 * 12
    assert 0 < found.wrong < found.pairs
    assert found.enough > 1


def test_what_is_published_tells_no_path_and_needs_every_run_that_matters(tmp_path: Path) -> None:
    for name in (SEED, BASELINE):
        write_run(run_data(), tmp_path / name)
    made = read_study(tmp_path)
    (tmp_path / PAGE).write_text(page_of(made), encoding="utf-8")
    publish(made, tmp_path, tmp_path / "published")

    texts = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "published").iterdir()}
    assert texts.keys() == {PAGE, "host.json", "validation.json", "seed.json", "baseline.json"}
    assert not [name for name, text in texts.items() if str(tmp_path) in text]


def test_a_page_can_be_written_anew_from_what_was_measured(tmp_path: Path) -> None:
    for name in (SEED, BASELINE):
        write_run(run_data(), tmp_path / name)
    result = CliRunner().invoke(seed, ["--from", str(tmp_path)], standalone_mode=False)

    assert result.output.strip() == str(tmp_path / PAGE)
    assert (tmp_path / PAGE).read_text(encoding="utf-8") == page_of(read_study(tmp_path))


def test_what_is_only_written_anew_takes_no_time() -> None:
    result = CliRunner().invoke(seed, ["--from", "somewhere", "--budget", "3"], standalone_mode=False)

    assert isinstance(result.exception, ConfigError)


def test_a_study_without_the_write_up_s_own_protocol_is_refused(tmp_path: Path) -> None:
    write_run(run_data(), tmp_path / BASELINE)

    with pytest.raises(ConfigError, match="has no run seed"):
        read_study(tmp_path)


def test_arms_that_were_never_measured_have_no_pairs() -> None:
    assert singles_of(study().records, "nobody", "tcp") is None


@pytest.mark.parametrize("lost", ["control"])
def test_an_arm_with_nothing_to_tell_is_left_out(lost: str) -> None:
    seen = study()
    records = [
        one.model_copy(update={"visits": tuple(visit for visit in one.visits if visit.arm != lost)})
        for one in seen.records
    ]

    assert "control against tcp, one run each" not in page_of(replace(seen, records=records))
