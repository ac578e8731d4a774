"""Turn rates like "70%" into requests per second: first measure the capacity of the slowest arm."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

from harness.arrange import arrange, the_same_servers
from harness.errors import StackError
from harness.evidence.proof import prove
from harness.evidence.store import Store
from harness.experiment.plan import session_orders
from harness.held_answers import the_same_answers
from harness.lab.blueprint import Machine
from harness.load.visits import visits
from harness.model import Arm, Experiment, Schedule, Visit

CONNECTIONS = 16  # enough to saturate any stack of this kind
ROUNDS, BURST, SETTLE = 5, 300, 20
ROUNDED_PER_S = 10  # lower rates keep two digits
PROBE_SHARE = 0.05  # of the budget, for the visits


def wants_capacities(experiment: Experiment) -> bool:
    """Return whether the rate of any arm is a percentage of a capacity."""
    return any(isinstance(arm.settings.rate, str) for arm in experiment.arms)


def capacities_per_s(experiment: Experiment, store: Store, machine: Machine) -> dict[str, float]:
    """Return the requests/s of each arm with a percentage rate, measured in a closed loop of 16 connections.

    Raises HarnessError like a session, and StackError if requests of an arm fail.
    """
    relative = [arm for arm in experiment.arms if isinstance(arm.settings.rate, str)]
    by_key = alike_arms(relative)
    saturated = experiment.model_copy(update={"arms": tuple(by_key.values())})
    schedule = _shape(experiment)
    with ExitStack() as exit_stack:
        arranged = arrange(0, saturated, store, machine, exit_stack)
        with the_same_servers(arranged.stacks), the_same_answers(arranged):
            prove(arranged.stacks)
            probe = visits(session_orders(saturated, 0, schedule.rounds), arranged.visitors, schedule)
    per_s = {key: _per_s(arm.name, [visit for visit in probe if visit.arm == arm.name]) for key, arm in by_key.items()}
    return {arm.name: per_s[_key(arm)] for arm in relative}


def alike_arms(arms: Sequence[Arm]) -> dict[str, Arm]:
    """Return one saturating arm for all arms that differ only in their rate, by a key of the other settings."""
    first: dict[str, Arm] = {}
    for arm in arms:
        first.setdefault(_key(arm), _busy(arm))
    return first


def _key(arm: Arm) -> str:
    return _busy(arm).settings.model_dump_json()


def _shape(experiment: Experiment) -> Schedule:
    return Schedule(
        sessions=1,
        rounds=ROUNDS,
        burst=BURST,
        settle=SETTLE,
        reason="capacity",
        visiting_s=PROBE_SHARE * experiment.design.budget_s,
        fewest_rounds=1,
    )


def with_rates(experiment: Experiment, capacities: Mapping[str, float]) -> Experiment:
    """Return the experiment with percentage rates replaced by requests/s, relative to the slowest arm."""
    slowest_per_s = min(capacities.values())
    arms = tuple(_with(arm, {"rate": _part(arm.settings.rate, slowest_per_s)}) for arm in experiment.arms)
    return experiment.model_copy(update={"arms": arms})


def _part(rate: float | str, slowest_per_s: float) -> float:
    """Return `rate` in requests/s, rounded for the reader but never to 0, which means no rate."""
    if not isinstance(rate, str):
        return rate
    exact = float(rate.rstrip("%")) / 100 * slowest_per_s
    return float(round(exact)) if exact >= ROUNDED_PER_S else float(f"{exact:.2g}")


def _busy(arm: Arm) -> Arm:
    return _with(arm, {"rate": 0.0, "connections": CONNECTIONS})


def _with(arm: Arm, changed: dict[str, Any]) -> Arm:
    return arm.model_copy(update={"settings": arm.settings.model_copy(update=changed)})


def _per_s(arm: str, visits: list[Visit]) -> float:
    failed = {kind: count for visit in visits for kind, count in visit.failures.items()}
    intervals_us = [visit.interval_us for visit in visits if visit.interval_us]
    if failed or not intervals_us:
        raise StackError(
            f"The capacity of {arm} cannot be measured: with {CONNECTIONS} connections requests failed "
            f"({', '.join(failed) or 'none was answered'}). Give the rate in requests per second, or fix the arm."
        )
    return 1e6 / median(intervals_us)
