"""Reads the sessions of a run, and reports all damaged ones and those of another run in one message."""

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

MAX_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Damage:
    """The sentences on everything that is wrong with one session."""

    session: int
    sentences: tuple[str, ...]


def read_intact(store: Store, plan: Plan) -> "list[tuple[Record, DataFrame]]":
    """Return the record and the table of requests of every finished session.

    Raise ConfigError that names each damaged file and each file of another run, and how to go on.
    """
    sessions: dict[int, tuple[Record, DataFrame]] = {}
    damages: list[Damage] = []
    for number in store.sessions():
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
