"""Whatever processes an application starts: their CPU time is the application's, and they end with it."""

import json
from pathlib import Path
from statistics import fmean

import pytest

from harness.model import Summary
from tests.support.command import APPS, barehop, fixed, odd, sets

BURN_S = 0.004


LASTING = ("pool", "spawned", "fork_server", "threads", "thread_each", "daemon")


def measured(here: Path, *words: str, rounds: int = 2, burst: int = 8) -> Summary:
    ended = barehop(here, "run", *words, *fixed(2, rounds, burst=burst), "--out", "run", env={"BURN_S": str(BURN_S)})
    assert ended.code == 0, ended.err
    return Summary.model_validate_json((here / "run/summary.json").read_text())


def of_family(here: Path, app: str, *more: str, rounds: int = 2, burst: int = 8) -> Summary:
    return measured(here, "quick", *odd(f"families:{app}"), *more, rounds=rounds, burst=burst)


def about_children(summary: Summary) -> list[str]:
    return [f"{doubt.seen} {doubt.advice}" for doubt in summary.doubts if doubt.kind == "children"]


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """A run with an arm for each application whose processes and threads last."""
    here = tmp_path_factory.mktemp("lasting")
    arms = "".join(f'[arms.{name}]\napp = "families:{name}"\n' for name in LASTING)
    (here / "lasting.toml").write_text(f'[arm]\napp_dir = "{APPS}"\n{arms}[design]\nagainst = "threads"\n')
    return measured(here, "lasting.toml")


@pytest.mark.parametrize("app", LASTING)
def test_work_in_lasting_processes_and_in_threads_is_the_applications_cpu_time(lasting: Summary, app: str) -> None:
    assert lasting.arms[app].cpu_us["app"] > BURN_S * 1e6


def test_lasting_processes_and_threads_are_no_reason_to_doubt(lasting: Summary) -> None:
    assert about_children(lasting) == []
    assert "preempted" not in {doubt.kind for doubt in lasting.doubts}


@pytest.mark.parametrize(("app", "worker_class"), [("process_each", "uvicorn"), ("forks", "sync")])
def test_processes_that_come_and_go_are_counted_and_the_resolution_is_doubted(
    tmp_path: Path, app: str, worker_class: str
) -> None:
    summary = of_family(tmp_path, app, *sets(worker_class=worker_class), rounds=4)
    assert fmean(arm.cpu_us["app"] for arm in summary.arms.values()) > BURN_S * 1e6 * 0.8  # ticks are rounded down
    sentences = about_children(summary)
    assert all(sentence.startswith("The application started processes between requests:") for sentence in sentences)
    assert len(sentences) == 2, "one a session"
    assert "in steps of 10 ms" in sentences[0]


def test_processes_that_come_after_the_warm_up_are_said_to_be_missing(tmp_path: Path) -> None:
    sentences = about_children(of_family(tmp_path, "process_late", rounds=10, burst=20))
    assert sentences
    assert all("Their CPU time, waiting and context switches are not counted" in sentence for sentence in sentences)


def test_children_that_nobody_waits_for_are_doubted(tmp_path: Path) -> None:
    sentences = about_children(of_family(tmp_path, "forks_and_forgets", *sets(worker_class="sync")))
    assert any("The application ignores SIGCHLD" in sentence for sentence in sentences)


def test_a_stack_without_children_is_read_as_before(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 2), "--out", "run")
    assert ended.code == 0, ended.err
    record = json.loads((tmp_path / "run/sessions/0001.json").read_text())
    assert "children" not in {doubt["kind"] for doubt in record["doubts"]}
