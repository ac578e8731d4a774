"""Turns rates like "70%" into requests per second: parts of what the slowest arm can do, which is measured first."""

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

CONNECTIONS = 16  # which saturate any stack of this kind
ROUNDS, BURST, SETTLE = 5, 300, 20
ROUNDED_PER_S = 10  # slower rates keep two digits
PROBE_SHARE = 0.05  # of the budget, for the visits


def wants_capacities(experiment: Experiment) -> bool:
    return any(isinstance(arm.settings.rate, str) for arm in experiment.arms)


def capacities_per_s(experiment: Experiment, store: Store, machine: Machine) -> dict[str, float]:
    """What each arm with a rate of that kind gives to 16 busy connections, in turn with the others.

    Raises what a session raises, and StackError where an arm fails its requests.
    """
    asked = [arm for arm in experiment.arms if isinstance(arm.settings.rate, str)]
    alike = alike_arms(asked)
    busy = experiment.model_copy(update={"arms": tuple(alike.values())})
    shape = _shape(experiment)
    with ExitStack() as until_the_end:
        arranged = arrange(0, busy, store, machine, until_the_end)
        with the_same_servers(arranged.stacks), the_same_answers(arranged):
            prove(arranged.stacks)
            seen = visits(session_orders(busy, 0, shape.rounds), arranged.visitors, shape)
    found = {key: _per_s(arm.name, [visit for visit in seen if visit.arm == arm.name]) for key, arm in alike.items()}
    return {arm.name: found[_key(arm)] for arm in asked}


def alike_arms(asked: Sequence[Arm]) -> dict[str, Arm]:
    """One busy arm for all that differ in nothing but their rate."""
    first: dict[str, Arm] = {}
    for arm in asked:
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
    """The experiment with requests per second, of which the slowest arm of all can do so many percent."""
    slowest_per_s = min(capacities.values())
    arms = tuple(_with(arm, {"rate": _part(arm.settings.rate, slowest_per_s)}) for arm in experiment.arms)
    return experiment.model_copy(update={"arms": arms})


def _part(rate: float | str, slowest_per_s: float) -> float:
    """Rounded, so that one who reads it can repeat it; never to 0, which would be no rate."""
    if not isinstance(rate, str):
        return rate
    exact = float(rate.rstrip("%")) / 100 * slowest_per_s
    return float(round(exact)) if exact >= ROUNDED_PER_S else float(f"{exact:.2g}")


def _busy(arm: Arm) -> Arm:
    return _with(arm, {"rate": 0.0, "connections": CONNECTIONS})


def _with(arm: Arm, changed: dict[str, Any]) -> Arm:
    return arm.model_copy(update={"settings": arm.settings.model_copy(update=changed)})


def _per_s(arm: str, seen: list[Visit]) -> float:
    failed = {kind: count for visit in seen for kind, count in visit.failures.items()}
    intervals_us = [visit.interval_us for visit in seen if visit.interval_us]
    if failed or not intervals_us:
        raise StackError(
            f"{arm} cannot be asked for a part of its capacity: with {CONNECTIONS} connections requests failed "
            f"({', '.join(failed) or 'none was answered'}). Give the rate in requests per second, or mend the arm."
        )
    return 1e6 / median(intervals_us)
