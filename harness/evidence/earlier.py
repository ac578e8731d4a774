"""Finds what was measured earlier on this kind of host: same kernel, same CPUs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Facts = dict[str, Any]


def earlier(directory: Path, name: str, host: Facts) -> Iterator[Path]:
    """The files `name` of runs under `directory` beside whose host.json they lie, the latest first."""
    for path in sorted(directory.glob(f"*/{name}"), reverse=True):
        if _kind(_facts(path.with_name("host.json"))) == _kind(host):
            yield path


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
