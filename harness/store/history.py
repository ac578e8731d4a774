"""Earlier results on this machine: its last calibration and its last floor."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import TypeVar

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import ConfigError
from harness.model import FloorResults, FloorRow
from harness.model.record import HostFacts
from harness.store.files import read_facts, read_file

RUN_TIME_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
NEVER = datetime.max.replace(tzinfo=UTC)

FLOOR_DIRECTORY = "floor"
COMPLETE_FILE = "floor.pyperf.json"  # complete, with ordinary options
PARTIAL_FILE = "other.pyperf.json"  # interrupted, or with options that make it incomparable


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
    for path in sorted(times, key=lambda path: times[path], reverse=True):
        if times[path] <= now and _host_kind(_read_host(path.with_name("host.json"))) == _host_kind(host):
            yield path


def _measured_at(path: Path, now: datetime) -> datetime:
    try:
        time = datetime.strptime(path.parent.name, RUN_TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        time = NEVER
    return time if time <= now else datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _read_host(path: Path) -> HostFacts:
    """Return the facts of host.json; empty where the file is missing, or not what barehop wrote."""
    try:
        return read_facts(path, HostFacts)
    except ConfigError:
        return {}


def _host_kind(host: HostFacts) -> tuple[object, ...]:
    kernel, cpus = host.get("kernel", {}), host.get("cpus", {})
    return kernel.get("release"), kernel.get("machine"), cpus.get("models"), cpus.get("online")


def last_floor(results: Path, host: HostFacts, leave_out: Callable[[str], object] = str) -> FloorResults | None:
    """Return the latest floor under `results` from a host like this one; damaged files go to `leave_out`."""
    return read_latest(results / FLOOR_DIRECTORY, COMPLETE_FILE, host, read_floor, leave_out)


def read_floor(path: Path) -> FloorResults:
    """Read the floor from pyperf's file; each worker process is a run. Raises ConfigError."""
    text = read_file(path).decode(errors="replace")
    try:
        return FloorResults(rows=tuple(_rows(pyperf.BenchmarkSuite.loads(text))))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:  # pyperf's
        raise ConfigError(
            f"{path} is not a valid file of pyperf: {type(error).__name__}. Restore it, or remove it."
        ) from None


def _rows(suite: pyperf.BenchmarkSuite) -> Iterator[FloorRow]:
    for benchmark in suite.get_benchmarks():
        if benchmark.get_unit() == "second":
            kind, transport, payload_bytes = benchmark.get_name().split(" ")
            runs_us = [1e6 * fmean(run.values) for run in benchmark.get_runs() if run.values]
            yield FloorRow(kind=kind, transport=transport, payload_bytes=int(payload_bytes), runs_us=tuple(runs_us))
