"""What pyperf says of this machine and this Python, for those who go on with pyperf's tools."""

import json
from pathlib import Path
from typing import Any

# Host and user must not be named in results, and the rest is of the moment or of our own process.
_NAMING = ("hostname", "python_executable", "python_config_args", "python_cflags", "command")
_LEFT_OUT = (
    *_NAMING,
    "date",
    "load_avg_1min",
    "runnable_threads",
    "boot_time",
    "uptime",
    "mem_max_rss",
)


def pyperf_facts() -> dict[str, Any]:
    """The metadata that pyperf collects, as part "pyperf" of host.json."""
    from pyperf import Run  # type: ignore[import-untyped]  # it has no types

    return {name: value for name, value in Run([1.0]).get_metadata().items() if name not in _LEFT_OUT}


def without_names(path: Path) -> None:
    """Take out of a file of pyperf's what names the host, its user or their paths."""
    suite = json.loads(path.read_text(encoding="utf-8"))
    runs = [run for benchmark in suite["benchmarks"] for run in benchmark["runs"]]
    for holder in (suite, *suite["benchmarks"], *runs):
        for name in _NAMING:
            holder.get("metadata", {}).pop(name, None)
    path.write_text(json.dumps(suite), encoding="utf-8")
