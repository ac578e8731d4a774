"""Collects pyperf's metadata about this machine and this Python, for use with pyperf's tools."""

import json
from pathlib import Path
from typing import Any

# Results must not name the host or the user; the others change all the time or describe only this process.
_IDENTIFYING = ("hostname", "python_executable", "python_config_args", "python_cflags", "command")
_EXCLUDED = (
    *_IDENTIFYING,
    "date",
    "load_avg_1min",
    "runnable_threads",
    "boot_time",
    "uptime",
    "mem_max_rss",
)


def pyperf_facts() -> dict[str, Any]:
    """Return pyperf's metadata, the section "pyperf" of host.json."""
    from pyperf import Run  # type: ignore[import-untyped]  # it has no types

    return {name: value for name, value in Run([1.0]).get_metadata().items() if name not in _EXCLUDED}


def remove_names(path: Path) -> None:
    """Remove from a pyperf file the metadata that name the host, its user or paths."""
    suite = json.loads(path.read_text(encoding="utf-8"))
    runs = [run for benchmark in suite["benchmarks"] for run in benchmark["runs"]]
    for holder in (suite, *suite["benchmarks"], *runs):
        for name in _IDENTIFYING:
            holder.get("metadata", {}).pop(name, None)
    path.write_text(json.dumps(suite), encoding="utf-8")
