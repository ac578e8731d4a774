"""Many doubts of one kind read as one."""

from harness.model import Doubt, RunSeconds, Summary
from harness.report.caveats import group_doubts
from harness.report.document import ReportedDoubt


def summary(*doubts: Doubt, sessions: int = 10) -> Summary:
    return Summary(
        experiment="e",
        question="?",
        directory="results/e",
        sessions=sessions,
        planned_sessions=sessions,
        valid=True,
        seconds=RunSeconds(total=60, measuring=50),
        arms={},
        comparisons=(),
        doubts=doubts,
    )


def doubt(kind: str, session: int | None = None, seen: str = "seen.", arm: str | None = None) -> Doubt:
    return Doubt(kind=kind, session=session, arm=arm, seen=seen, advice="Do this.")


def test_a_lone_doubt_stands_as_it_is() -> None:
    assert group_doubts(summary(doubt("steal", 3))) == [ReportedDoubt("steal", "in session 3", "seen", "Do this.")]


def test_equal_doubts_are_told_once_with_their_sessions() -> None:
    assert group_doubts(summary(doubt("steal", 3), doubt("steal", 7)))[0].where == "in sessions 3 and 7"


def test_many_sessions_are_counted_and_not_listed() -> None:
    assert group_doubts(summary(*(doubt("steal", number) for number in range(1, 7))))[0].where == "in 6 of 10 sessions"


def test_a_doubt_of_every_session_says_all() -> None:
    assert group_doubts(summary(doubt("steal", 1), doubt("steal", 2), sessions=2))[0].where == "in all 2 sessions"


def test_the_only_session_is_not_called_all() -> None:
    assert group_doubts(summary(doubt("steal", 1), sessions=1))[0].where == "in session 1"


def test_unlike_sights_of_one_kind_show_the_first() -> None:
    assert group_doubts(summary(doubt("busy", 1, "a used 5 %"), doubt("busy", 2, "b used 7 %")))[0].seen == (
        "a used 5 %; first of 2 cases"
    )


def test_the_arms_are_named_unless_the_kind_says_it() -> None:
    doubts = [doubt("ports", 1, arm="tcp"), doubt("ports", 1, arm="x"), doubt("control", arm="control")]

    assert {fold.kind: fold.where for fold in group_doubts(summary(*doubts))} == {
        "ports": "tcp and x, in session 1",
        "control": "",
    }


def test_doubts_of_the_whole_run_come_first_and_then_the_most_frequent() -> None:
    doubts = [doubt("rare", 1), doubt("often", 1), doubt("often", 2), doubt("run")]

    assert [fold.kind for fold in group_doubts(summary(*doubts))] == ["run", "often", "rare"]
