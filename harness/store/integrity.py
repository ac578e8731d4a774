"""Reads the sessions of a run, and refuses those that are damaged or belong to another run."""

import hashlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ConfigError
from harness.experiment.constraints import OWN_CLIENT
from harness.model import Experiment, Plan, Record, VisitRow
from harness.model.experiment import MAX_SECONDS
from harness.store.files import is_huge, parse_requests, read_file
from harness.store.plan_check import short_repr
from harness.store.store import Store

if TYPE_CHECKING:
    from polars import DataFrame


MAX_SHOWN = 12
CountsAndMeans = dict[tuple[int, int, str], tuple[int, float]]  # requests and their mean in us, by round, order and arm

SESSION_SLACK_S = 1.0
MEAN_TOLERANCE = 1e-3  # earlier versions may have rounded means


@dataclass(frozen=True, slots=True)
class Damage:
    """The sentences on everything that is wrong with one session."""

    session: int
    sentences: tuple[str, ...]


def read_finished_sessions(store: Store, plan: Plan) -> "list[tuple[Record, DataFrame]]":
    """Return the record and the table of requests of every finished session.

    Raise ConfigError that names each damaged file and each file of another run, and how to go on.
    """
    sessions: dict[int, tuple[Record, DataFrame]] = {}
    damages: list[Damage] = []
    for number in store.session_numbers():
        try:
            sessions[number] = _read_session(store, plan, number)
        except ConfigError as problem:
            damages.append(Damage(number, tuple(str(problem).split("\n"))))
    damages += _repeated_sessions(store, sessions)
    if damages:
        raise ConfigError(_message(store.directory, sorted(damages, key=lambda damage: damage.session)))
    return list(sessions.values())


def _read_session(store: Store, plan: Plan, number: int) -> "tuple[Record, DataFrame]":
    record = store.read_record(number)
    path = store.requests_path(number)
    _raise_problems(path.with_suffix(".json"), record_problems(record, number, plan))
    content = read_file(path)
    if record.requests_sha256 not in ("", hashlib.sha256(content).hexdigest()):
        raise ConfigError(f"{path} is not the file that was written with its record: its checksum differs.")
    requests = parse_requests(path, content)
    _raise_problems(path, requests_problems(requests, record, plan.experiment))
    return record, requests


def _raise_problems(path: Path, problems: Iterator[str]) -> None:
    if text := "; ".join(problems):
        raise ConfigError(f"{path} {text}.")


def _repeated_sessions(store: Store, sessions: "Mapping[int, tuple[Record, DataFrame]]") -> Iterator[Damage]:
    """Yield each session with exactly the times of an earlier one, which cannot be chance."""
    first: dict[bytes, int] = {}
    for number, (record, requests) in sessions.items():
        for times in _fingerprints(record, requests):
            earlier = first.setdefault(times, number)
            if earlier != number:
                path = store.requests_path(number).with_suffix(".json")
                yield Damage(number, (f"{path} repeats session {earlier}: the times of both are the same.",))
                break


def _fingerprints(record: Record, requests: "DataFrame") -> Iterator[bytes]:
    if requests.height:
        times = requests.select("start_ns", "latency_ns").to_numpy().tobytes()
        yield hashlib.sha256(times).digest()
    if any(visit.mean_us or visit.interval_us for visit in record.visits):
        yield hashlib.sha256(repr(record.visits).encode()).digest()


def _message(directory: Path, damages: list[Damage]) -> str:
    sentences = [sentence for damage in damages[:MAX_SHOWN] for sentence in damage.sentences]
    if len(damages) > MAX_SHOWN:
        sentences.append(f"{len(damages) - MAX_SHOWN} more sessions are damaged or of another run.")
    numbers = sorted({damage.session for damage in damages})
    remove = " ".join(f"{shlex.quote(str(directory / 'sessions' / f'{number:04}'))}.*" for number in numbers)
    return "\n".join(
        [
            *sentences,
            f"Remove the two files of {'each' if len(numbers) > 1 else 'that'} session, then complete the run:",
            f"rm -r {remove}",
            f"barehop run --resume {shlex.quote(str(directory))}",
        ]
    )


def record_problems(record: Record, number: int, plan: Plan) -> Iterator[str]:
    """Yield a phrase for each reason why `record` cannot be that of session `number` of `plan`."""
    sessions = plan.actual_schedule.sessions
    if number > sessions or number < 1:
        yield f"is beyond the {sessions} sessions of the plan"
    if record.session != number:
        yield f"has the record of session {short_repr(record.session)}"
    if record.run_id != plan.run_id:
        yield (
            f"is of another run: its run_id is {short_repr(record.run_id)}, in plan.json it is "
            f"{short_repr(plan.run_id)}"
        )
    elif (record.schedule.burst, record.schedule.settle) != (plan.schedule.burst, plan.schedule.settle):
        yield "was measured with other bursts than those of plan.json"
    yield from _arm_problems(record, plan)
    yield from _visit_problems(record, plan)
    yield from _record_time_problems(record)


def _arm_problems(record: Record, plan: Plan) -> Iterator[str]:
    known = {arm.name for arm in plan.experiment.arms}
    of_visits = (visit.arm for visit in (*record.visits, *record.counted))
    of_doubts = filter(None, (doubt.arm for doubt in record.doubts))
    arms = (*of_visits, *of_doubts, *record.proofs, *record.failures)
    if unknown := sorted(set(arms) - known):
        yield f"names arms that plan.json does not have: {', '.join(map(short_repr, unknown[:3]))}"


def _visit_problems(record: Record, plan: Plan) -> Iterator[str]:
    """Yield problems of the rounds, each of which must visit every arm once."""
    rounds: dict[int, list[VisitRow]] = {}
    for visit in record.visits:
        rounds.setdefault(visit.round, []).append(visit)
    if record.schedule.visiting_s is None and len(rounds) != record.schedule.rounds:
        yield f"has {len(rounds)} rounds, where its schedule has {short_repr(record.schedule.rounds)}"
    elif not rounds:
        yield "has no visits"
    if sorted(rounds) != list(range(len(rounds))):
        yield "lacks a round between others"
    arms = sorted(arm.name for arm in plan.experiment.arms)
    positions = list(range(len(arms)))
    for number, visits in rounds.items():
        if sorted(visit.arm for visit in visits) != arms or sorted(visit.order for visit in visits) != positions:
            yield f"does not visit every arm once in round {short_repr(number)}"
            return


def _record_time_problems(record: Record) -> Iterator[str]:
    try:
        datetime.fromisoformat(record.started_utc).timestamp()
    except (ValueError, OverflowError):
        yield f"has a started_utc that is no time: {short_repr(record.started_utc)}"
    if "total" not in record.seconds:
        yield "lacks seconds.total"
    if any(not 0 <= seconds <= MAX_SECONDS for seconds in record.seconds.values()):
        yield "has seconds below 0, or more than a run may take"
    if any(count < 0 or is_huge(count) for kinds in record.failures.values() for count in kinds.values()):
        yield "counts less than 0 failures, or more than can be"
    if wrong := next(filter(_is_absurd, (*record.visits, *record.counted)), None):
        yield f"has a time or a count that cannot be in round {short_repr(wrong.round)} of {short_repr(wrong.arm)}"


def _is_absurd(visit: VisitRow) -> bool:
    """Return whether a time, a count or a rate is negative or huge; counters are differences and may be negative."""
    times = filter(None, (visit.mean_us, visit.interval_us, visit.wall_us, visit.rate_per_s))
    unsigned = (visit.requests, *times, *visit.percentiles_us.values(), *visit.cpu_us.values())
    signed = (*filter(None, (visit.late_us,)), *visit.counters.values())
    return any(number < 0 or is_huge(number) for number in unsigned) or any(map(is_huge, signed))


def requests_problems(requests: "DataFrame", record: Record, experiment: Experiment) -> Iterator[str]:
    """Yield a phrase for each reason why `requests` cannot be those of `record`."""
    if sum(requests.null_count().row(0)):
        yield "has empty cells"
        return
    counts = _count_and_mean(requests)
    visits = {(visit.round, visit.order, visit.arm): visit for visit in record.visits}
    if unknown := counts.keys() - visits.keys():
        round_, order, arm = min(unknown)
        yield f"has requests of a visit that its record does not have: round {round_}, place {order}, {short_repr(arm)}"
    own_arms = {
        arm.name for arm in experiment.arms if arm.settings.tool == OWN_CLIENT and not arm.settings.p99_limit_ms
    }
    yield from _count_problems(visits, counts, own_arms)
    yield from _request_time_problems(requests, record, own_arms)


def _count_and_mean(requests: "DataFrame") -> CountsAndMeans:
    import polars

    time_us = (polars.col("latency_ns") + polars.col("late_ns")) / 1000
    rows = requests.group_by("round", "order", "arm").agg(polars.len(), time_us.mean().alias("mean_us")).rows()
    return {(round_, order, arm): (count, mean_us) for round_, order, arm, count, mean_us in rows}


def _count_problems(
    visits: dict[tuple[int, int, str], VisitRow], counts: CountsAndMeans, own_arms: set[str]
) -> Iterator[str]:
    """Compare counts and means. Some load tools, and the search for a capacity, write no single times."""
    for key, visit in visits.items():
        count, mean_us = counts.get(key, (0, 0.0))
        if count != visit.requests and (count or visit.arm in own_arms):
            yield (
                f"has {count} requests in round {visit.round} of {short_repr(visit.arm)}, "
                f"where its record has {short_repr(visit.requests)}"
            )
            return
        if count and visit.arm in own_arms and visit.mean_us and abs(mean_us / visit.mean_us - 1) > MEAN_TOLERANCE:
            yield (
                f"has a mean of {mean_us:.1f} us in round {visit.round} of {short_repr(visit.arm)}, "
                f"where its record has {visit.mean_us:.1f} us"
            )
            return


def _request_time_problems(requests: "DataFrame", record: Record, own_arms: set[str]) -> Iterator[str]:
    """Yield the first time that is not above 0, or longer than the session; the coarse clock of a tool may show 0."""
    import polars

    min_ns = polars.when(polars.col("arm").is_in(list(own_arms))).then(1).otherwise(0)
    max_ns = int((record.seconds["total"] + SESSION_SLACK_S) * 1e9)
    latency = polars.col("latency_ns")
    wrong = requests.filter((latency < min_ns) | (latency > max_ns) | (polars.col("late_ns").abs() > max_ns))
    if wrong.height:
        first = wrong.row(0, named=True)
        yield (
            f"has a time that cannot be: {first['latency_ns']} ns in round {first['round']} of "
            f"{short_repr(first['arm'])}"
        )
