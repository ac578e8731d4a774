"""Finds the results directories of a fleet and reads them; each problem is a sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from harness.analysis.between_runs.changes import RunData
from harness.analysis.between_runs.fleet import Fleet, form_fleet, pooling_problems
from harness.errors import ConfigError, raise_if_any
from harness.session.summarize import read_run

RUN_MARKS = ("plan.json", "sessions")  # a directory with either is that of a run, perhaps a damaged one


@dataclass(frozen=True, slots=True)
class NamedDirectory:
    """A results directory, and the name of its host if the user gave one."""

    path: Path
    name: str = ""


def read_fleet(arguments: Sequence[str]) -> Fleet:
    """Return the runs that `arguments` name, by host. Raises one ConfigError with all problems.

    An argument is a results directory, a directory with any number of them below it, or a pattern of such. `NAME=` in
    front of it names the host of its runs.
    """
    problems: list[str] = []
    directories: list[NamedDirectory] = []
    for argument in arguments:
        below = list(_find_directories(argument))
        directories += below
        problems += [] if below else [f"{argument}: there is no results directory here; each has a plan.json."]
    runs: dict[Path, RunData | None] = {}
    names: list[str] = []
    for directory in directories:
        place = directory.path.resolve()
        if place in runs:
            problems.append(f"{directory.path} is given twice. Give each run once.")
            continue
        try:
            runs[place] = read_run(directory.path)
            names.append(directory.name)
        except ConfigError as problem:
            runs[place] = None
            problems.append(str(problem))
    whole = [run for run in runs.values() if run]
    if problems:
        raise_if_any([*problems, *pooling_problems(whole)], ConfigError)
    return form_fleet(whole, names)


def _find_directories(argument: str) -> Iterator[NamedDirectory]:
    """Yield the results directories that an argument names, in the order of their names."""
    name, separator, pattern = argument.partition("=")
    if not separator or Path(argument).exists():
        name, pattern = "", argument
    paths = [pattern] if Path(pattern).exists() else sorted(glob(pattern))  # noqa: PTH207 - the pattern may be absolute
    for path in map(Path, paths):
        if any((path / mark).exists() for mark in RUN_MARKS):
            yield NamedDirectory(path, name)
        else:
            below = {place.parent for mark in RUN_MARKS for place in path.rglob(mark)}
            yield from (NamedDirectory(directory, name) for directory in sorted(below))
