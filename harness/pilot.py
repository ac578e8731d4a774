"""The pilot: a few sessions of long visits, not recorded, from which the lengths of the recorded ones follow."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from harness.analysis.pilot.choice import pilot_of
from harness.analysis.pilot.trials import PilotSession
from harness.arrange import arrange, the_same_servers
from harness.evidence.store import Store
from harness.experiment.plan import session_orders
from harness.experiment.schedule import visit_lengths
from harness.experiment.trial import trial_of
from harness.lab.blueprint import Machine
from harness.load.visits import Visitor, round_cost_s, visits
from harness.model import Experiment, Pilot, Schedule

PACING_S = 0.1


def piloted(experiment: Experiment, store: Store, machine: Machine) -> tuple[Pilot, float]:
    """What the pilot showed, and the seconds that it took. Raises what a session raises."""
    began = time.monotonic()
    trial, first = _trial(0, experiment, store, machine)
    others = [_trial(number, experiment, store, machine)[1] for number in range(1, trial.sessions)]
    spent_s = time.monotonic() - began
    return pilot_of(experiment, [first, *others], spent_s), spent_s


def _trial(number: int, experiment: Experiment, store: Store, machine: Machine) -> tuple[Schedule, PilotSession]:
    """A session's visits, and what was seen of them; finding out how many there can be counts as neither."""
    began = time.monotonic()
    with ExitStack() as until_the_end:
        arranged = arrange(0, experiment, store, machine, until_the_end)
        visitors = arranged.visitors
        with the_same_servers(arranged.stacks):
            pacing = time.monotonic()
            trial = trial_of(experiment, _round_s(experiment, visitors))
            visiting = time.monotonic()
            orders = arranged.in_blocks(session_orders(experiment, -number, trial.rounds))
            seen = visits(orders, visitors, trial)
            visited = time.monotonic()
    session_s = pacing - began + time.monotonic() - visited
    return trial, PilotSession(visits=seen, visiting_s=visited - visiting, session_s=session_s)


def _round_s(experiment: Experiment, visitors: Sequence[Visitor]) -> float:
    """What a round of ordinary visits takes, roughly."""
    settle, burst = visit_lengths(experiment)
    ordinary = Schedule(sessions=1, rounds=1, burst=burst, settle=settle, reason="pacing")
    return round_cost_s(range(len(visitors)), visitors, ordinary, PACING_S)
