"""Finds what was measured earlier on this kind of host: same kernel, same CPUs."""

import json
from pathlib import Path
from typing import Any

Facts = dict[str, Any]


def latest(directory: Path, name: str, host: Facts) -> Path | None:
    """The file `name` of the latest run under `directory` beside whose host.json it lies; None without any."""
    for path in sorted(directory.glob(f"*/{name}"), reverse=True):
        beside = path.parent / "host.json"
        if beside.exists() and _kind(json.loads(beside.read_text(encoding="utf-8"))) == _kind(host):
            return path
    return None


def _kind(host: Facts) -> tuple[object, ...]:
    kernel, cpus = host["kernel"], host["cpus"]
    return kernel["release"], kernel["machine"], cpus["models"], cpus["online"]
