"""Puts the plan of a run together: its schedule, its estimator, and the orders of its visits."""

from collections.abc import Iterator, Sequence
from itertools import islice

from harness.experiment.pairs import estimator_of
from harness.experiment.visit_order import Order, draw_orders, session_orders
from harness.model import Experiment, Pilot, Plan, Schedule
from harness.model.experiment import CURRENT_ORDERING

SPARE_ROUNDS_FACTOR = 3  # planned rounds / expected rounds, in case the machine turns out to be faster
MAX_STORED_VISITS = 50_000  # of a plan that is stored with its orders; those of a longer plan follow from the seed


def plan_of(
    experiment: Experiment, schedule: Schedule, overrides: Sequence[str] = (), pilot: Pilot | None = None
) -> Plan:
    """Return the plan, with its estimator, and with the orders of its sessions unless there are too many."""
    rules = {"estimator": estimator_of(experiment), "ordering": CURRENT_ORDERING}
    schedule = schedule.model_copy(update=rules)
    rounds = schedule.rounds * SPARE_ROUNDS_FACTOR if schedule.visiting_s else schedule.rounds
    written = schedule.sessions if schedule.sessions * rounds * len(experiment.arms) <= MAX_STORED_VISITS else 0
    orders = (session_orders(experiment, session, rounds) for session in range(1, written + 1))
    return Plan(experiment=experiment, schedule=schedule, orders=tuple(orders), overrides=tuple(overrides), pilot=pilot)


def orders_of(plan: Plan, session: int) -> Iterator[Order]:
    """Yield the order of each round of `session`: from the plan, or else from its seed."""
    if plan.orders:
        return iter(plan.orders[session - 1])
    endless = draw_orders(plan.experiment, session, plan.schedule.ordering)
    return endless if plan.schedule.visiting_s else islice(endless, plan.schedule.rounds)
