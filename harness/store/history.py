"""Finds earlier results of the same kind of host: same kernel, same CPUs."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from harness.errors import ConfigError
from harness.model.facts import HostFacts
from harness.store.files import read_facts

RUN_TIME_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
NEVER = datetime.max.replace(tzinfo=UTC)

T = TypeVar("T")


def read_latest(
    directory: Path, name: str, host: HostFacts, read: Callable[[Path], T], leave_out: Callable[[str], object]
) -> T | None:
    """Read the latest file `name` under `directory` of this kind of host with `read`; None where there is none.

    Files of which `read` raises ConfigError are skipped, and reported through `leave_out`.
    """
    for path in earlier_files(directory, name, host):
        try:
            return read(path)
        except ConfigError as problem:
            leave_out(f"Left out: {problem}")
    return None


def earlier_files(directory: Path, name: str, host: HostFacts) -> Iterator[Path]:
    """Yield the files `name` of earlier runs under `directory` on this kind of host, the latest first.

    The name of a directory is the time of its run. Where it is not, or lies in the future, the time of the file counts.
    """
    now = datetime.now(UTC)
    times = {path: _measured_at(path, now) for path in directory.glob(f"*/{name}")}
    past = {path: time for path, time in times.items() if time <= now}
    for path in sorted(past, key=lambda path: past[path], reverse=True):
        if _host_kind(_read_host_facts(path.with_name("host.json"))) == _host_kind(host):
            yield path


def _measured_at(path: Path, now: datetime) -> datetime:
    try:
        time = datetime.strptime(path.parent.name, RUN_TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        time = NEVER
    return time if time <= now else datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _read_host_facts(path: Path) -> HostFacts:
    """Return the facts of host.json; empty where the file is missing, or not what barehop wrote."""
    try:
        return read_facts(path, HostFacts)
    except ConfigError:
        return {}


def _host_kind(host: HostFacts) -> tuple[object, ...]:
    kernel, cpus = host.get("kernel", {}), host.get("cpus", {})
    return kernel.get("release"), kernel.get("machine"), cpus.get("models"), cpus.get("online")
