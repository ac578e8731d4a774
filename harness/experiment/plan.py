"""Draw the order in which each round visits the arms, from the seed alone."""

import random
from collections.abc import Iterator, Sequence
from itertools import islice, repeat

from harness.model import Experiment, Pilot, Plan, Schedule

SPARE = 3  # planned rounds / expected rounds, in case the machine turns out to be faster
MOST_WRITTEN = 50_000  # visits of a plan that is stored with its orders; those of a longer plan follow from the seed

Order = tuple[int, ...]
Orders = tuple[Order, ...]


def plan_of(
    experiment: Experiment, schedule: Schedule, overrides: Sequence[str] = (), pilot: Pilot | None = None
) -> Plan:
    """Return the plan, with the orders of its sessions unless there are too many."""
    rounds = schedule.rounds * SPARE if schedule.visiting_s else schedule.rounds
    written = schedule.sessions if schedule.sessions * rounds * len(experiment.arms) <= MOST_WRITTEN else 0
    orders = (session_orders(experiment, session, rounds) for session in range(1, written + 1))
    return Plan(experiment=experiment, schedule=schedule, orders=tuple(orders), overrides=tuple(overrides), pilot=pilot)


def orders_of(plan: Plan, session: int) -> Iterator[Order]:
    """Yield the order of each round of `session`: from the plan, or else from its seed."""
    if plan.orders:
        return iter(plan.orders[session - 1])
    endless = draw_orders(plan.experiment, session)
    return endless if plan.schedule.visiting_s else islice(endless, plan.schedule.rounds)


def session_orders(experiment: Experiment, session: int, rounds: int) -> Orders:
    """Return the orders of the first `rounds` rounds of a session."""
    return tuple(islice(draw_orders(experiment, session), rounds))


def draw_orders(experiment: Experiment, session: int) -> Iterator[Order]:
    """Yield a uniformly random order of the arms for each round; it depends only on seed and session."""
    source = random.Random(f"{experiment.design.seed}/{session}")  # noqa: S311 - chance, not secrecy
    places = range(len(experiment.arms))
    return (tuple(source.sample(places, len(places))) for _ in repeat(None))
