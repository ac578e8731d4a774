"""The plan: in which order every round of every session visits the arms, from the seed alone."""

import random
from collections.abc import Sequence

from harness.model import Experiment, Pilot, Plan, Schedule

SPARE = 3  # times the rounds that are expected, for a machine that turns out to be faster

Orders = tuple[tuple[int, ...], ...]


def plan_of(
    experiment: Experiment, schedule: Schedule, overrides: Sequence[str] = (), pilot: Pilot | None = None
) -> Plan:
    rounds = schedule.rounds * SPARE if schedule.visiting_s else schedule.rounds
    orders = (session_orders(experiment, session, rounds) for session in range(1, schedule.sessions + 1))
    return Plan(experiment=experiment, schedule=schedule, orders=tuple(orders), overrides=tuple(overrides), pilot=pilot)


def session_orders(experiment: Experiment, session: int, rounds: int) -> Orders:
    """A uniformly random order of the arms for each round; a session's orders depend on nothing but the seed."""
    source = random.Random(f"{experiment.design.seed}/{session}")  # noqa: S311 - chance, not secrecy
    places = range(len(experiment.arms))
    return tuple(tuple(source.sample(places, len(places))) for _ in range(rounds))
