"""Reads the sessions of a run, and refuses those that are damaged or of another run, all in one message."""

import hashlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ConfigError
from harness.evidence.reading import read_file
from harness.evidence.record_check import record_problems
from harness.evidence.requests_check import requests_problems
from harness.evidence.requests_file import parse_requests
from harness.evidence.store import Store
from harness.model import Plan, Record

if TYPE_CHECKING:
    from polars import DataFrame

MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with one session: whole sentences."""

    session: int
    sentences: tuple[str, ...]


def read_intact(store: Store, plan: Plan) -> "list[tuple[Record, DataFrame]]":
    """Return every finished session: its record and its table of requests.

    Raises ConfigError that names each damaged file and each that is not of this run, and the way out.
    """
    sessions: dict[int, tuple[Record, DataFrame]] = {}
    damages: list[Damage] = []
    for number in store.sessions():
        try:
            sessions[number] = _read_session(store, plan, number)
        except ConfigError as problem:
            damages.append(Damage(number, tuple(str(problem).split("\n"))))
    damages += _repetitions(store, sessions)
    if damages:
        raise ConfigError(_message(store.directory, sorted(damages, key=lambda damage: damage.session)))
    return list(sessions.values())


def _read_session(store: Store, plan: Plan, number: int) -> "tuple[Record, DataFrame]":
    record = store.read_record(number)
    where = store.requests_path(number)
    _refuse(where.with_suffix(".json"), record_problems(record, number, plan))
    content = read_file(where)
    if record.requests_sha256 not in ("", hashlib.sha256(content).hexdigest()):
        raise ConfigError(f"{where} is not the file that was written with its record: its checksum is another.")
    requests = parse_requests(where, content)
    _refuse(where, requests_problems(requests, record, plan.experiment))
    return record, requests


def _refuse(path: Path, problems: Iterator[str]) -> None:
    if found := "; ".join(problems):
        raise ConfigError(f"{path} {found}.")


def _repetitions(store: Store, sessions: "Mapping[int, tuple[Record, DataFrame]]") -> Iterator[Damage]:
    """Sessions with the very times of an earlier one: chance does not make them."""
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
    sentences = [sentence for damage in damages[:MOST_SHOWN] for sentence in damage.sentences]
    if len(damages) > MOST_SHOWN:
        sentences.append(f"{len(damages) - MOST_SHOWN} more sessions are damaged or of another run.")
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
