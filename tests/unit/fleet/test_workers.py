"""Which workers can measure, which wait for another, and which hosts have their result already."""

import json
import platform
from collections.abc import Mapping
from pathlib import Path

import pytest

import harness
from harness.errors import MachineError
from harness.fleet.host_run import WorkerFacts
from harness.fleet.measure import missing_workers
from harness.fleet.workers import FleetWorker, find_workers

PYTHON = ".".join(platform.python_version_tuple()[:2])


def facts(name: str, **other: object) -> WorkerFacts:
    usual = {"barehop": harness.__version__, "python": PYTHON, "name": name, "identity": name, "lock": "", "noises": []}
    return WorkerFacts(**{**usual, **other})  # type: ignore[typeddict-item]


class Scheduler:
    """A client of a scheduler whose workers answer as given."""

    def __init__(self, answers: Mapping[str, object]) -> None:
        self.answers = answers

    def run(self, *arguments: object, **options: object) -> Mapping[str, object]:
        return self.answers


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (ModuleNotFoundError("No module named 'harness'"), r"Install barehop\[fleet\]"),
        (facts("b", barehop="0.0.9"), "has barehop 0.0.9, and this is"),
        (facts("b", python="3.99"), "runs Python 3.99, and this is"),
        (facts("b", noises=["samples its own stacks"]), "samples its own stacks, which a run would hear"),
    ],
)
def test_a_worker_that_cannot_measure_is_told_and_the_others_go_on(answer: object, sentence: str) -> None:
    client = Scheduler({"tcp://a": facts("a"), "tcp://b": answer})
    workers, [problem] = find_workers(client)  # type: ignore[arg-type]
    assert [worker.name for worker in workers] == ["a"]
    with pytest.raises(MachineError, match=sentence):
        find_workers(Scheduler({"tcp://b": answer}))  # type: ignore[arg-type]
    assert "tcp://b" in problem


def test_without_workers_the_command_that_starts_one_is_told() -> None:
    with pytest.raises(MachineError, match="dask worker"):
        find_workers(Scheduler({}))  # type: ignore[arg-type]


def result(directory: Path, name: str, identity: str) -> None:
    (directory / name).mkdir(parents=True)
    (directory / name / "summary.json").write_text("{}")
    (directory / name / "host.json").write_text(json.dumps({"identity": {"machine": identity, "boot": "x"}}))


def test_hosts_that_have_results_are_skipped_and_names_are_free(tmp_path: Path) -> None:
    result(tmp_path, "web", "one")
    (tmp_path / ".web-2.part/sessions").mkdir(parents=True)
    (tmp_path / "sent").mkdir()
    workers = [
        FleetWorker("tcp://1", "web", "one", ""),
        FleetWorker("tcp://2", "web", "one", ""),  # a second one there
        FleetWorker("tcp://3", "web", "two", ""),
        FleetWorker("tcp://4", "sent", "three", ""),
    ]
    missing = missing_workers(workers, tmp_path)
    assert [(worker.address, worker.name) for worker in missing] == [
        ("tcp://2", "web-2"),
        ("tcp://3", "web-3"),
        ("tcp://4", "sent-2"),
    ]
    assert not (tmp_path / ".web-2.part").exists()
