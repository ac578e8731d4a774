"""Check pyperf's options for barehop floor: some are useless here, some make the result incomparable."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import ConfigError, raise_all
from harness.lab.kernelfiles import format_cpus, parse_cpus

# With these, the result cannot serve as the floor of other runs.
UNUSUAL = ("affinity", "debug_single_value", "hook", "profile", "track_memory", "tracemalloc")


def parsed(runner: pyperf.Runner, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the options. Raises ConfigError if pyperf rejects them; argparse exits by itself."""
    try:
        options: argparse.Namespace = runner.parse_args(list(arguments))
    except SystemExit as ended:
        if ended.code == 1:
            raise ConfigError("pyperf rejected these options; see its message above.") from None
        raise
    return options


def check(options: argparse.Namespace, cpus: Sequence[int]) -> None:
    """Raise ConfigError with all options that cannot be used here."""
    raise_all(_problems(options, cpus), ConfigError)


def is_unusual(options: argparse.Namespace) -> bool:
    """Return whether the result cannot serve as the floor of other runs."""
    return any(getattr(options, name, None) for name in UNUSUAL)


def _problems(options: argparse.Namespace, cpus: Sequence[int]) -> Iterator[str]:
    if options.worker:
        yield "--worker is internal to pyperf. Leave it out."
    if options.compare_to or options.python != sys.executable:
        yield "--compare-to and --python need another Python with barehop, and there is none. Leave them out."
    if options.pipe is not None:
        yield "--pipe is internal to pyperf; -o FILE writes the results to a file."
    for name in filter(None, (options.output, options.append)):
        if not Path(name).absolute().parent.is_dir():
            yield f"{name} cannot be written: there is no such directory. Create it, or give another file."
    yield from _affinity(options.affinity, cpus)


def _affinity(text: str | None, cpus: Sequence[int]) -> Iterator[str]:
    try:
        wanted = parse_cpus(text or "")
    except ValueError:
        yield f"--affinity={text} is not a list of CPUs. Write it like --affinity=0-2,8."
        return
    if missing := set(wanted) - set(cpus):
        yield f"--affinity={text}: CPU {format_cpus(missing)} is not available. Choose from {format_cpus(cpus)}."
