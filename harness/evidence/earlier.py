"""Finds what was measured earlier on this kind of host: same kernel, same CPUs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
TIME_OF_RUN = "%Y-%m-%dT%H-%M-%SZ"
NEVER = datetime.max.replace(tzinfo=UTC)


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
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _kind(host: Facts) -> tuple[object, ...]:
    kernel, cpus = host.get("kernel", {}), host.get("cpus", {})
    return kernel.get("release"), kernel.get("machine"), cpus.get("models"), cpus.get("online")
