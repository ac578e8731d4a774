"""Checks that the record of a session is as barehop wrote it."""

from collections.abc import Iterator
from datetime import datetime

from pydantic import ValidationError

from harness.evidence.reading import is_huge
from harness.experiment.plan_check import shown
from harness.model import Plan, Record, VisitRow
from harness.model.experiment import MOST_SECONDS
from harness.model.facts import Proof


def record_problems(record: Record, number: int, plan: Plan) -> Iterator[str]:
    """Yield a phrase for each reason why `record` cannot be that of session `number` of `plan`."""
    sessions = plan.ended_schedule.sessions
    if number > sessions or number < 1:
        yield f"is beyond the {sessions} sessions of the plan"
    if record.session != number:
        yield f"has the record of session {shown(record.session)}"
    if record.run_id != plan.run_id:
        yield f"is of another run: its run_id is {shown(record.run_id)}, in plan.json it is {shown(plan.run_id)}"
    elif (record.schedule.burst, record.schedule.settle) != (plan.schedule.burst, plan.schedule.settle):
        yield "was measured with other bursts than those of plan.json"
    yield from _arm_problems(record, plan)
    yield from _visit_problems(record, plan)
    yield from _record_time_problems(record)
    yield from _proof_problems(record)


def _arm_problems(record: Record, plan: Plan) -> Iterator[str]:
    known = {arm.name for arm in plan.experiment.arms}
    of_visits = (visit.arm for visit in (*record.visits, *record.counted))
    of_doubts = filter(None, (doubt.arm for doubt in record.doubts))
    arms = (*of_visits, *of_doubts, *record.proofs, *record.failures)
    if unknown := sorted(set(arms) - known):
        yield f"names arms that plan.json does not have: {', '.join(map(shown, unknown[:3]))}"


def _visit_problems(record: Record, plan: Plan) -> Iterator[str]:
    """Yield problems of the rounds, each of which must visit every arm once."""
    rounds: dict[int, list[VisitRow]] = {}
    for visit in record.visits:
        rounds.setdefault(visit.round, []).append(visit)
    if record.schedule.visiting_s is None and len(rounds) != record.schedule.rounds:
        yield f"has {len(rounds)} rounds, where its schedule has {shown(record.schedule.rounds)}"
    elif not rounds:
        yield "has no visits"
    if sorted(rounds) != list(range(len(rounds))):
        yield "lacks a round between others"
    arms = sorted(arm.name for arm in plan.experiment.arms)
    positions = list(range(len(arms)))
    for number, visits in rounds.items():
        if sorted(visit.arm for visit in visits) != arms or sorted(visit.order for visit in visits) != positions:
            yield f"does not visit every arm once in round {shown(number)}"
            return


def _record_time_problems(record: Record) -> Iterator[str]:
    try:
        datetime.fromisoformat(record.started_utc).timestamp()
    except (ValueError, OverflowError):
        yield f"has a started_utc that is no time: {shown(record.started_utc)}"
    if "total" not in record.seconds:
        yield "lacks seconds.total"
    if any(not 0 <= seconds <= MOST_SECONDS for seconds in record.seconds.values()):
        yield "has seconds below 0, or more than a run may take"
    if any(count < 0 or is_huge(count) for kinds in record.failures.values() for count in kinds.values()):
        yield "counts less than 0 failures, or more than can be"
    if wrong := next(filter(_is_absurd, (*record.visits, *record.counted)), None):
        yield f"has a time or a count that cannot be in round {shown(wrong.round)} of {shown(wrong.arm)}"


def _proof_problems(record: Record) -> Iterator[str]:
    for arm, proof in record.proofs.items():
        try:
            Proof.model_validate(proof)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            yield f"has a proof of {shown(arm)} that barehop did not write: {'.'.join(map(str, first['loc']))}"


def _is_absurd(visit: VisitRow) -> bool:
    """Return whether a time, a count or a rate is negative or huge; counters are differences and may be negative."""
    times = filter(None, (visit.mean_us, visit.interval_us, visit.wall_us, visit.rate_per_s))
    unsigned = (visit.requests, *times, *visit.percentiles_us.values(), *visit.cpu_us.values())
    signed = (*filter(None, (visit.late_us,)), *visit.counters.values())
    return any(number < 0 or is_huge(number) for number in unsigned) or any(map(is_huge, signed))
