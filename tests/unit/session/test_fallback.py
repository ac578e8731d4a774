"""A session whose connections fell back from Multipath TCP is refused, whichever visits they were in."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from harness.model import Arm, CounterSnapshot, Design, Experiment, Settings, Visit
from harness.observe.counters import CounterReader
from harness.session.measure import SessionVisits, _fallback_problems
from harness.session.session import RunningSession

SETTINGS = Settings(transport="mptcp")
ARMS = (
    Arm(name="tcp", settings=Settings()),
    Arm(name="m", settings=SETTINGS),
    Arm(name="control", settings=SETTINGS, control_of="m"),
)
EXPERIMENT = Experiment(name="x", question="?", arms=ARMS, pairs=(("control", "m"), ("tcp", "m")), design=Design())
SNAPSHOTS: tuple[CounterSnapshot, CounterSnapshot] = ((b"",), (b"",))


@dataclass(frozen=True, slots=True)
class CountingReader(CounterReader):
    """A reader whose counters grow by `grown` in each visit."""

    grown: Mapping[str, int] = field(default_factory=dict)

    def growth(self, before: CounterSnapshot, after: CounterSnapshot) -> dict[str, int]:
        return dict(self.grown)


def visit(arm: str, *, counted: bool = False, holds: bool | None = None, failed: int = 0) -> Visit:
    return Visit(
        round=0,
        order=0,
        arm=arm,
        requests=10,
        mean_us=1.0,
        cpu_requests=10,
        failures={"reset": failed} if failed else {},
        holds=holds,
        snapshots=SNAPSHOTS if counted else None,
    )


def problems(*visits: Visit, all_connections: int, counted_acks: int | None = None) -> list[str]:
    grown = {} if counted_acks is None else {"net.mptcp_syns": 10, "net.mptcp_acks": counted_acks}
    readers = {arm.name: CountingReader((), (), (), grown) for arm in ARMS}
    running = RunningSession((), {}, (), readers, EXPERIMENT, ())
    connections = Counter({"mptcp_syns": all_connections, "mptcp_acks": all_connections})
    return list(_fallback_problems(SessionVisits(visits, 1.0, {}, (), connections), running))


def test_visits_without_counters_are_checked_together() -> None:
    visits = [visit("m"), visit("tcp"), visit("control")]
    assert problems(*visits, all_connections=20) == []
    (sentence,) = problems(*visits, all_connections=19)
    assert sentence.startswith("Arms 'm', 'control': 1 of 20 connections of their hops fell back")


def test_visits_with_counters_name_the_arm() -> None:
    visits = [visit("m", counted=True), visit("control")]
    assert problems(*visits, all_connections=20, counted_acks=10) == []
    (sentence,) = problems(*visits, all_connections=17, counted_acks=7)
    assert sentence.startswith("Arm 'm': 3 of 10 connections of its hop fell back")


def test_a_machine_whose_counters_cannot_be_read_often_accuses_no_arm() -> None:
    assert problems(visit("m", counted=True), all_connections=10) == []


@pytest.mark.parametrize("special", [visit("m", holds=False), visit("m", failed=10)])
def test_requests_that_may_have_had_no_connection_are_not_expected_to_have_one(special: Visit) -> None:
    assert problems(visit("m"), special, all_connections=10) == []
