"""What comparing runs reads of a results directory, and what it does without."""

from pathlib import Path

import pytest

from harness.analysis.between_runs.changes import compare_runs
from harness.errors import ConfigError
from harness.session.summarize import read_run
from tests.support.comparable_runs import run_data, write_run


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = run_data()

    found = read_run(write_run(run, tmp_path / "run"))

    records = [record.model_copy(update={"requests_sha256": ""}) for record in found.records]
    assert (found.plan, records, found.host) == (run.plan, run.records, run.host)
    assert found.summary.comparisons == run.summary.comparisons
    assert found.summary.directory == str(tmp_path / "run")


def test_a_run_without_facts_of_its_host_is_compared_all_the_same(tmp_path: Path) -> None:
    runs = [write_run(run_data(rounds=rounds), tmp_path / str(rounds)) for rounds in (40, 36)]
    (runs[1] / "host.json").unlink()

    comparison = compare_runs([read_run(run) for run in runs])

    assert comparison.host == ()
    assert comparison.changes


@pytest.mark.parametrize("text", ["{", "[]", '"kernel"'])
def test_facts_that_no_run_wrote_are_refused(text: str, tmp_path: Path) -> None:
    run = write_run(run_data(), tmp_path / "run")
    (run / "host.json").write_text(text)

    with pytest.raises(ConfigError, match=r"host\.json is not what barehop wrote"):
        read_run(run)


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no run of barehop"):
        read_run(tmp_path)
