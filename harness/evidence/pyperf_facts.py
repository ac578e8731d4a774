"""What pyperf says of this machine and this Python, for those who go on with pyperf's tools."""

from typing import Any

# Host and user must not be named in results, and the rest is of the moment or of our own process.
_LEFT_OUT = (
    "hostname",
    "python_executable",
    "python_config_args",
    "python_cflags",
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
