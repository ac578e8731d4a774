"""The plan: in which order every round of every session visits the arms, from the seed alone."""

import random
from collections.abc import Iterator, Sequence
from itertools import islice, repeat

from harness.model import Experiment, Pilot, Plan, Schedule

SPARE = 3  # times the rounds that are expected, for a machine that turns out to be faster
MOST_WRITTEN = 50_000  # visits of a plan that is written with its orders; of a longer one the seed gives them

Order = tuple[int, ...]
Orders = tuple[Order, ...]


def plan_of(
    experiment: Experiment, schedule: Schedule, overrides: Sequence[str] = (), pilot: Pilot | None = None
) -> Plan:
    """Return the plan, with the orders of its sessions where these are not too many to be read."""
    rounds = schedule.rounds * SPARE if schedule.visiting_s else schedule.rounds
    written = schedule.sessions if schedule.sessions * rounds * len(experiment.arms) <= MOST_WRITTEN else 0
    orders = (session_orders(experiment, session, rounds) for session in range(1, written + 1))
    return Plan(experiment=experiment, schedule=schedule, orders=tuple(orders), overrides=tuple(overrides), pilot=pilot)


def orders_of(plan: Plan, session: int) -> Iterator[Order]:
    """Yield the order of each round of `session`: as the plan has them, or else from its seed."""
    if plan.orders:
        return iter(plan.orders[session - 1])
    endless = draw_orders(plan.experiment, session)
    return endless if plan.schedule.visiting_s else islice(endless, plan.schedule.rounds)


def session_orders(experiment: Experiment, session: int, rounds: int) -> Orders:
    """The first orders of a session, as many as it has rounds."""
    return tuple(islice(draw_orders(experiment, session), rounds))


def draw_orders(experiment: Experiment, session: int) -> Iterator[Order]:
    """Yield a uniformly random order of the arms for each round; they depend on nothing but seed and session."""
    source = random.Random(f"{experiment.design.seed}/{session}")  # noqa: S311 - chance, not secrecy
    places = range(len(experiment.arms))
    return (tuple(source.sample(places, len(places))) for _ in repeat(None))
