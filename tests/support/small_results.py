"""A plan, a record and a visit that are as small as they can be."""

from harness.experiment.plan import plan_of
from harness.model import Arm, Design, Experiment, Plan, Record, Schedule, Settings, Visit

SCHEDULE = Schedule(sessions=2, rounds=1, burst=2, settle=1, reason="as the test says")


def visit(requests: int = 2) -> Visit:
    times = tuple(range(requests))
    return Visit(
        round=0, order=0, arm="tcp", requests=requests, mean_us=1.5, positions=times, start_ns=times, latency_ns=times
    )


def record(session: int) -> Record:
    return Record(
        session=session,
        started_utc="2026-01-01T00:00:00+00:00",
        seconds={"total": 1.0},
        schedule=SCHEDULE,
        proofs={},
        failures={},
        visits=(),
    )


def plan() -> Plan:
    arms = (Arm(name="a", settings=Settings()), Arm(name="b", settings=Settings(transport="uds-tmpfs")))
    experiment = Experiment(name="x", question="?", arms=arms, pairs=(("b", "a"),), design=Design())
    return plan_of(experiment, SCHEDULE)
