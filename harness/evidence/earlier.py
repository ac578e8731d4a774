"""Finds what was measured earlier on this kind of host: same kernel, same CPUs."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import ConfigError
from harness.evidence.reading import read_facts

Facts = dict[str, Any]
TIME_OF_RUN = "%Y-%m-%dT%H-%M-%SZ"
NEVER = datetime.max.replace(tzinfo=UTC)

T = TypeVar("T")


def latest(
    directory: Path, name: str, host: Facts, read: Callable[[Path], T], leave_out: Callable[[str], object]
) -> T | None:
    """Return what `read` makes of the latest `name` under `directory` that was made on this kind of host.

    A file of which `read` raises ConfigError is left out, which is said through `leave_out`.
    """
    for path in earlier(directory, name, host):
        try:
            return read(path)
        except ConfigError as problem:
            leave_out(f"Left out: {problem}")
    return None


def earlier(directory: Path, name: str, host: Facts) -> Iterator[Path]:
    """The files `name` of runs under `directory` beside whose host.json they lie, the latest first; none of the future.

    A directory has the time of its run for its name. Where it has not, or one that is still to come, its file has.
    """
    now = datetime.now(UTC)
    times = {path: _measured_at(path, now) for path in directory.glob(f"*/{name}")}
    past = {path: time for path, time in times.items() if time <= now}
    for path in sorted(past, key=lambda path: past[path], reverse=True):
        if _kind(_facts(path.with_name("host.json"))) == _kind(host):
            yield path


def _measured_at(path: Path, now: datetime) -> datetime:
    try:
        named = datetime.strptime(path.parent.name, TIME_OF_RUN).replace(tzinfo=UTC)
    except ValueError:
        named = NEVER
    return named if named <= now else datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _facts(path: Path) -> Facts:
    """Nothing where the file is missing, or not what barehop wrote."""
    try:
        return read_facts(path)
    except ConfigError:
        return {}


def _kind(host: Facts) -> tuple[object, ...]:
    kernel, cpus = _table(host, "kernel"), _table(host, "cpus")
    return kernel.get("release"), kernel.get("machine"), cpus.get("models"), cpus.get("online")


def _table(host: Facts, name: str) -> Facts:
    found = host.get(name)
    return found if isinstance(found, dict) else {}
