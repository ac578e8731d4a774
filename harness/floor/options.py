"""pyperf's own options on barehop floor: which make no sense here, and which make its result another thing."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import ConfigError, raise_all
from harness.lab.kernelfiles import format_cpus, parse_cpus

# With these it is no floor that other runs could be held against.
UNUSUAL = ("affinity", "debug_single_value", "hook", "profile", "track_memory", "tracemalloc")


def parsed(runner: pyperf.Runner, arguments: Sequence[str]) -> argparse.Namespace:
    """Raises ConfigError where pyperf refuses them; argparse ends by itself, after its own words."""
    try:
        options: argparse.Namespace = runner.parse_args(list(arguments))
    except SystemExit as ended:
        if ended.code == 1:
            raise ConfigError("pyperf refuses these options; its reason stands above.") from None
        raise
    return options


def check(options: argparse.Namespace, cpus: Sequence[int]) -> None:
    """Raises ConfigError with everything that cannot be had, before anything is measured."""
    raise_all(_problems(options, cpus), ConfigError)


def is_unusual(options: argparse.Namespace) -> bool:
    return any(getattr(options, name, None) for name in UNUSUAL)


def _problems(options: argparse.Namespace, cpus: Sequence[int]) -> Iterator[str]:
    if options.worker:
        yield "--worker is for pyperf itself. Leave it out."
    if options.compare_to or options.python != sys.executable:
        yield "--compare-to and --python need a Python that has barehop, and there is this one only. Leave them out."
    if options.pipe is not None:
        yield "--pipe is for pyperf itself; -o FILE writes the results to a file."
    for name in filter(None, (options.output, options.append)):
        if not Path(name).absolute().parent.is_dir():
            yield f"{name} cannot be written: there is no such directory. Make it, or name another file."
    yield from _affinity(options.affinity, cpus)


def _affinity(text: str | None, cpus: Sequence[int]) -> Iterator[str]:
    try:
        wanted = parse_cpus(text or "")
    except ValueError:
        yield f"--affinity={text} is no list of CPUs. Write it like --affinity=0-2,8."
        return
    if missing := set(wanted) - set(cpus):
        yield f"--affinity={text}: CPU {format_cpus(missing)} cannot be had. Choose among {format_cpus(cpus)}."
