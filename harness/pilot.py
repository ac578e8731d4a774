"""The pilot: a few sessions of long visits, not recorded, from which the lengths of the recorded ones follow."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from harness.analysis.pilot.choice import pilot_of
from harness.analysis.pilot.trials import PilotSession
from harness.arrange import arrange, the_same_servers
from harness.clock import Clock
from harness.counted import expected_counting_s
from harness.evidence.answers import answer_proof
from harness.evidence.proof import prove
from harness.evidence.store import Store
from harness.experiment.lengths import has_long_visits, visit_lengths
from harness.experiment.plan import session_orders
from harness.experiment.trial import another_fits, trial_of, visiting_share_s
from harness.held_answers import check_answers, the_same_answers
from harness.lab.blueprint import Machine
from harness.load.visits import Visitor, round_cost_s, visits
from harness.model import Experiment, Pilot, Reply, Schedule

PACING_S = 0.1
MOST_LONG_ROUNDS = 100

Answers = dict[str, Reply]


def piloted(experiment: Experiment, store: Store, machine: Machine, clock: Clock, slowness: float = 1.0) -> Pilot:
    """Return what a pilot shows, in as many sessions as a part of the budget allows. Raises what a session raises.

    `slowness` is how many times longer than on an idle machine the command has taken for itself so far.
    """
    began_s, seen = clock.spent_s(), list[PilotSession]()
    budget_s = experiment.design.budget_s
    wanted, answers = 1, Answers()
    while len(seen) < wanted and (not seen or another_fits(len(seen), clock.spent_s() - began_s, budget_s)):
        trial, session = _trial(len(seen), experiment, store, machine, answers)
        wanted = trial.sessions
        seen.append(session)
    beside = {"counting_s": expected_counting_s(experiment), "slowness": slowness}
    pilot = pilot_of(experiment, seen, clock.spent_s(), **beside)
    return pilot.model_copy(update={"answers": {arm: answer_proof(reply) for arm, reply in answers.items()}})


def _trial(
    number: int, experiment: Experiment, store: Store, machine: Machine, answers: Answers
) -> tuple[Schedule, PilotSession]:
    """A session's visits, and what was seen of them; finding out how many there can be counts as neither.

    The first session leaves its answers in `answers`, which those of the others must be like.
    """
    began = time.monotonic()
    with ExitStack() as until_the_end:
        arranged = arrange(0, experiment, store, machine, until_the_end)
        visitors = arranged.visitors
        answers.update({arm: one.reply for arm, one in arranged.served.items() if arm not in answers})
        with the_same_servers(arranged.stacks), the_same_answers(arranged):
            prove(arranged.stacks)  # what will not do is refused now, and not after the pilot
            check_answers({arm: reply.shape for arm, reply in answers.items()}, arranged)
            pacing = time.monotonic()
            trial = trial_of(experiment, _round_s(experiment, visitors))
            visiting = time.monotonic()
            orders = arranged.in_blocks(session_orders(experiment, -number, trial.rounds))
            seen = visits(orders, visitors, trial)
            visited = time.monotonic()
    session_s = pacing - began + time.monotonic() - visited
    return trial, PilotSession(visits=seen, visiting_s=visited - visiting, session_s=session_s)


def _round_s(experiment: Experiment, visitors: Sequence[Visitor]) -> float:
    """What a round of ordinary visits takes, roughly; long visits are not made for that, but as the pilot's own."""
    if has_long_visits(experiment):
        return visiting_share_s(experiment) / MOST_LONG_ROUNDS
    settle, burst = visit_lengths(experiment)
    ordinary = Schedule(sessions=1, rounds=1, burst=burst, settle=settle, reason="pacing")
    return round_cost_s(range(len(visitors)), visitors, ordinary, PACING_S)
