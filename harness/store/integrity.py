"""Checks plan and sessions of a run for contradictions, and refuses what is damaged or belongs to another run."""

import gc
import hashlib
import shlex
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ConfigError
from harness.experiment.constraints import OWN_CLIENT
from harness.model import Experiment, Plan, Record, Schedule, VisitRow
from harness.model.experiment import MAX_PER_SESSION, MAX_SECONDS, MAX_SESSIONS
from harness.store.files import HUGE, is_huge, parse_requests, parse_stacks, read_file, read_model

if TYPE_CHECKING:
    from polars import DataFrame

    # The record, the table of requests, and the samples by stack if the session has a profile.
    StoredSession = tuple[Record, DataFrame, DataFrame | None]


SCHEDULE_LIMITS = {
    "sessions": (1, MAX_SESSIONS),
    "rounds": (1, MAX_PER_SESSION),
    "burst": (0, MAX_PER_SESSION),
    "settle": (0, MAX_PER_SESSION),
}
MAX_SHOWN = 12
MAX_LISTED = 3
SESSION_SLACK_S = 1.0
MEAN_TOLERANCE = 1e-3  # earlier versions may have rounded means

VISIT_KEY = ("round", "order", "arm")


def short_repr(value: object) -> str:
    """Return `value` on one short line; Python refuses to print numbers of thousands of digits."""
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]} ..."


def plan_problems(plan: Plan) -> Iterator[str]:
    """Yield a phrase for each contradiction in `plan`."""
    yield from _experiment_problems(plan.experiment)
    yield from _schedule_problems(plan.schedule)
    last = plan.out_of_time_after
    if last is not None and not 1 <= last <= plan.schedule.sessions:
        yield f"out_of_time_after is {short_repr(last)}, which is not from 1 to {short_repr(plan.schedule.sessions)}"
    yield from _unknown_arms("capacities_per_s", plan.capacities_per_s, plan.experiment)
    if any(capacity <= 0 for capacity in plan.capacities_per_s.values()):
        yield "capacities_per_s has a capacity of 0 or less"
    if plan.orders:
        yield from _order_problems(plan)


def _experiment_problems(experiment: Experiment) -> Iterator[str]:
    names = [arm.name for arm in experiment.arms]
    if not names:
        yield "it has no arms"
    if len(set(names)) < len(names):
        yield f"two arms have the name {next(name for name in names if names.count(name) > 1)!r}"
    if not experiment.pairs:
        yield "it compares no pairs of arms"
    yield from _unknown_arms("pairs", (name for pair in experiment.pairs for name in pair), experiment)
    yield from (f"pairs compares {arm!r} with itself" for arm, against in experiment.pairs if arm == against)
    yield from _unknown_arms("control_of", filter(None, (arm.control_of for arm in experiment.arms)), experiment)
    yield from _unknown_arms("levels", experiment.levels, experiment)
    if len({frozenset(levels) for levels in experiment.levels.values()}) > 1:
        yield "levels has other factors for one arm than for another"


def _schedule_problems(schedule: Schedule) -> Iterator[str]:
    for name, (least, most) in SCHEDULE_LIMITS.items():
        value = getattr(schedule, name)
        if not least <= value <= most:
            yield f"schedule.{name} is {short_repr(value)}, which is not from {least} to {most}"
    looks = schedule.looks
    rising = all(earlier < later for earlier, later in pairwise(looks))
    if looks and (not rising or looks[0] < 1 or looks[-1] != schedule.sessions):
        yield f"schedule.looks does not rise to the {short_repr(schedule.sessions)} sessions"
    if schedule.visiting_s is not None and schedule.visiting_s <= 0:
        yield f"schedule.visiting_s is {schedule.visiting_s:g}, which is not more than 0"


def _order_problems(plan: Plan) -> Iterator[str]:
    if len(plan.orders) != plan.schedule.sessions:
        yield f"orders has {len(plan.orders)} sessions, schedule {short_repr(plan.schedule.sessions)}"
    places = list(range(len(plan.experiment.arms)))
    for number, rounds in enumerate(plan.orders, 1):
        if not rounds or any(sorted(order) != places for order in rounds):
            yield f"orders does not visit every arm once in each round of session {number}"
            return


def _unknown_arms(where: str, names: Iterable[str], experiment: Experiment) -> Iterator[str]:
    known = {arm.name for arm in experiment.arms}
    if missing := [name for name in dict.fromkeys(names) if name not in known]:
        more = f" and {len(missing) - MAX_LISTED} more" if len(missing) > MAX_LISTED else ""
        yield f"{where} names an arm that is not there: {', '.join(map(short_repr, missing[:MAX_LISTED]))}{more}"


def session_paths(directory: Path, number: int) -> tuple[Path, Path]:
    """Return the paths of a session's record and of its table of requests."""
    return (directory / f"sessions/{number:04}.json", directory / f"sessions/{number:04}.parquet")


def read_sessions(directory: Path, numbers: Sequence[int], plan: Plan) -> "list[StoredSession]":
    """Return every finished session.

    Raise ConfigError that names each damaged file and each file of another run, and how to go on.
    """
    sessions: dict[int, StoredSession] = {}
    damages: dict[int, str] = {}
    with _keep_from_garbage_collection():
        for number in numbers:
            try:
                sessions[number] = _read_session(directory, number, plan)
            except ConfigError as problem:
                damages[number] = str(problem)
    for number, earlier in _repeated_sessions(sessions).items():
        path, _ = session_paths(directory, number)
        damages[number] = f"{path} repeats session {earlier}: the times of both are the same."
    if damages:
        raise ConfigError(_message(directory, dict(sorted(damages.items()))))
    return list(sessions.values())


@contextmanager
def _keep_from_garbage_collection() -> Iterator[None]:
    """Keep the collector from searching a hundred thousand new visits for garbage, now and later."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _read_session(directory: Path, number: int, plan: Plan) -> "StoredSession":
    record_path, path = session_paths(directory, number)
    record = read_model(record_path, Record)
    _raise_problems(record_path, record_problems(record, number, plan))
    content = read_file(path)
    if record.requests_sha256 not in ("", hashlib.sha256(content).hexdigest()):
        raise ConfigError(f"{path} is not the file that was written with its record: its checksum differs.")
    requests = parse_requests(path, content)
    _raise_problems(path, requests_problems(requests, record, plan.experiment))
    return record, requests, _read_stacks(directory, record)


def _read_stacks(directory: Path, record: Record) -> "DataFrame | None":
    if record.profile is None:
        return None
    path = directory / f"sessions/{record.session:04}.profile.parquet"
    content = read_file(path)
    if record.profile.sha256 != hashlib.sha256(content).hexdigest():
        raise ConfigError(f"{path} is not the file that was written with its record: its checksum differs.")
    return parse_stacks(path, content)


def _raise_problems(path: Path, problems: Iterator[str]) -> None:
    if text := "; ".join(problems):
        raise ConfigError(f"{path} {text}.")


def _repeated_sessions(sessions: "Mapping[int, StoredSession]") -> dict[int, int]:
    """Return each session with exactly the times of an earlier one, which cannot be chance, and that one."""
    first: dict[Hashable, int] = {}
    repeated: dict[int, int] = {}
    for number, (record, requests, _) in sessions.items():
        for fingerprint in _fingerprints(record, requests):
            earlier = first.setdefault(fingerprint, number)
            if earlier != number:
                repeated.setdefault(number, earlier)
    return repeated


def _fingerprints(record: Record, requests: "DataFrame") -> Iterator[Hashable]:
    if requests.height:
        times = hashlib.sha256(requests.get_column("start_ns").to_numpy().data)
        times.update(requests.get_column("latency_ns").to_numpy().data)
        yield times.digest()
    if any(visit.mean_us or visit.interval_us for visit in record.visits):
        yield (
            *[visit.mean_us for visit in record.visits],
            *[visit.interval_us for visit in record.visits],
            *[us for visit in record.visits for us in visit.cpu_us.values()],
            *[number for visit in record.visits for number in visit.counters.values()],
        )


def _message(directory: Path, damages: Mapping[int, str]) -> str:
    sentences = list(damages.values())[:MAX_SHOWN]
    if len(damages) > MAX_SHOWN:
        sentences.append(f"{len(damages) - MAX_SHOWN} more sessions are damaged or of another run.")
    remove = " ".join(f"{shlex.quote(str(directory / 'sessions' / f'{number:04}'))}.*" for number in damages)
    return "\n".join(
        [
            *sentences,
            f"Remove the two files of {'each' if len(damages) > 1 else 'that'} session, then complete the run:",
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
        own, planned = short_repr(record.run_id), short_repr(plan.run_id)
        yield f"is of another run: its run_id is {own}, in plan.json it is {planned}"
    elif (record.schedule.burst, record.schedule.settle) != (plan.schedule.burst, plan.schedule.settle):
        yield "was measured with other bursts than those of plan.json"
    elif record.schedule.estimator != plan.schedule.estimator:
        yield "names another estimator than plan.json"
    known = {arm.name for arm in plan.experiment.arms}
    of_visits = (visit.arm for visit in record.all_visits)
    of_doubts = filter(None, (doubt.arm for doubt in record.doubts))
    if unknown := sorted({*of_visits, *of_doubts, *record.proofs, *record.failures} - known):
        yield f"names arms that plan.json does not have: {', '.join(map(short_repr, unknown[:MAX_LISTED]))}"
    yield from _visit_problems(record, sorted(known))
    yield from _record_time_problems(record)


def _visit_problems(record: Record, arms: Sequence[str]) -> Iterator[str]:
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
    if wrong := next(filter(_is_absurd, record.all_visits), None):
        yield f"has a time or a count that cannot be in round {short_repr(wrong.round)} of {short_repr(wrong.arm)}"


def _is_absurd(visit: VisitRow) -> bool:
    """Return whether a time, a count or a rate is negative or huge; counters are differences and may be negative."""
    unsigned = [visit.requests, visit.mean_us or 0, visit.interval_us or 0, visit.wall_us or 0, visit.rate_per_s or 0]
    unsigned += visit.cpu_us.values()
    unsigned += visit.percentiles_us.values()
    signed = [visit.late_us or 0, *visit.counters.values()]
    return min(unsigned) < 0 or max(*unsigned, *signed) > HUGE or min(signed) < -HUGE


def requests_problems(requests: "DataFrame", record: Record, experiment: Experiment) -> Iterator[str]:
    """Yield a phrase for each reason why `requests` cannot be those of `record`."""
    if sum(requests.null_count().row(0)):
        yield "has empty cells"
        return
    own_arms = {
        arm.name for arm in experiment.arms if arm.settings.tool == OWN_CLIENT and not arm.settings.p99_limit_ms
    }
    yield from _count_problems(requests, record, own_arms)
    yield from _request_time_problems(requests, record, own_arms)


def _count_problems(requests: "DataFrame", record: Record, own_arms: set[str]) -> Iterator[str]:
    """Yield requests of an unknown visit, and the first wrong count or mean of a visit.

    Some load tools, and the search for a capacity, write no single times.
    """
    from polars import col

    is_own, count = col("arm").is_in(list(own_arms)), col("count").fill_null(0)
    wrong_count = (count != col("requests")) & ((count > 0) | is_own)
    wrong_mean = is_own & (col("mean_us") != 0) & ((col("table_us") / col("mean_us") - 1).abs() > MEAN_TOLERANCE)
    is_unknown = col("place").is_null()
    visits = _visit_table(record).join(_times_by_visit(requests), on=VISIT_KEY, how="full", coalesce=True)
    wrong = visits.filter(is_unknown | wrong_count | wrong_mean)
    if wrong.is_empty():
        return
    for round_, order, arm in wrong.filter(is_unknown).select(VISIT_KEY).sort(VISIT_KEY).head(1).iter_rows():
        yield f"has requests of a visit that its record does not have: round {round_}, place {order}, {short_repr(arm)}"
    for row in wrong.filter(~is_unknown).sort("place").head(1).iter_rows(named=True):
        visit = record.visits[row["place"]]
        where = f"in round {visit.round} of {short_repr(visit.arm)}, where its record has"
        if (row["count"] or 0) != visit.requests:
            yield f"has {row['count'] or 0} requests {where} {short_repr(visit.requests)}"
        else:
            yield f"has a mean of {row['table_us']:.1f} us {where} {visit.mean_us:.1f} us"


def _times_by_visit(requests: "DataFrame") -> "DataFrame":
    """Return the number and the mean time of the requests of each visit.

    Neighbours of one visit are added up first: there are far fewer of these stretches than requests to group.
    """
    import numpy as np
    import polars
    from polars import col

    stretches = requests.select(polars.struct(VISIT_KEY).rle().struct.unnest()).unnest("value")
    starts = (stretches.get_column("len").cum_sum() - stretches.get_column("len")).to_numpy()
    time_ns = requests.get_column("latency_ns") + requests.get_column("late_ns")
    sums_ns = np.add.reduceat(time_ns.to_numpy(), starts.astype(np.intp), dtype=np.float64)
    count, total_ns = col("len").sum(), col("time_ns").sum()
    by_visit = stretches.insert_column(0, polars.Series("time_ns", sums_ns)).group_by(VISIT_KEY)
    return by_visit.agg(count.alias("count"), (total_ns / count / 1000).alias("table_us"))


def _visit_table(record: Record) -> "DataFrame":
    """Return a row for each visit, with the columns that the table of requests shares or confirms."""
    import polars

    key = {"round": polars.Int32, "order": polars.Int32, "arm": polars.String}
    schema = key | {"requests": polars.Float64, "mean_us": polars.Float64}
    columns = {name: list(map(attrgetter(name), record.visits)) for name in schema}
    return polars.DataFrame(columns, schema=schema).with_row_index("place")


def _request_time_problems(requests: "DataFrame", record: Record, own_arms: set[str]) -> Iterator[str]:
    """Yield the first time that is not above 0, or longer than the session; the coarse clock of a tool may show 0."""
    import polars

    min_ns = polars.when(polars.col("arm").is_in(list(own_arms))).then(1).otherwise(0)
    max_ns = int((record.seconds["total"] + SESSION_SLACK_S) * 1e9)
    latency = polars.col("latency_ns")
    wrong = requests.filter((latency < min_ns) | (latency > max_ns) | (polars.col("late_ns").abs() > max_ns))
    if wrong.height:
        first = wrong.row(0, named=True)
        where = f"in round {first['round']} of {short_repr(first['arm'])}"
        yield f"has a time that cannot be: {first['latency_ns']} ns {where}"
