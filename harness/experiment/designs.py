"""Designs: which combinations of levels a screen runs, and which boots a factor of the kernel needs."""

import itertools
import math
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness import plugins
from harness.errors import ConfigError
from harness.experiment.arms import level_name, merge_settings
from harness.experiment.document import Document, setting_table
from harness.experiment.problems import ConfigProblem, quote, to_toml
from harness.model import Arm, Design, Knob

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Signs = NDArray[np.float64]  # (runs, factors): -1 low, 1 high


THREADS_VARIABLE = "OPENBLAS_NUM_THREADS"

MAX_FACTORS = 23  # pyDOE3 lacks some larger sizes

BASE = "base"
SCREEN_PATH = ("design", "screen")
FACTORS = "factors"
BOOT_FACTOR_PREFIX = "knobs.boot."


def plackett_burman(factors: int) -> "Signs":
    """Return a design with the next multiple of 4 runs; any two columns are balanced (Plackett and Burman 1946)."""
    with _without_threads():  # slow: imports numpy and scipy
        import numpy as np
        from pyDOE3 import pbdesign
    return _low_first(np.asarray(pbdesign(factors), dtype=float))


def resolution_iv(factors: int) -> "Signs":
    """Return a foldover design (Box and Wilson 1951): main effects are not aliased with two-factor interactions.

    It is a Plackett-Burman design for one factor less, plus that factor, and all of it mirrored.
    """
    half = plackett_burman(factors - 1)
    import numpy as np  # after plackett_burman, which imports it without threads

    half = np.column_stack([np.ones(len(half)), half])
    return _low_first(np.vstack([half, -half]))


def one_at_a_time(levels: Sequence[int]) -> list[tuple[int, ...]]:
    """Return rows of level indexes, given the number of levels per factor: the base, then one change per row."""
    base = (0,) * len(levels)
    changes = [(factor, level) for factor, count in enumerate(levels) for level in range(1, count)]
    return [base, *((*base[:factor], level, *base[factor + 1 :]) for factor, level in changes)]


def _low_first(design: "Signs") -> "Signs":
    """Flip columns so that the first row is all low; this keeps the balance."""
    signs: Signs = design * -design[0]
    return signs


@contextmanager
def _without_threads() -> Iterator[None]:
    """Keep imported libraries from starting threads: a process with threads cannot enter a user namespace."""
    before = os.environ.get(THREADS_VARIABLE)
    os.environ[THREADS_VARIABLE] = "1"
    try:
        yield
    finally:
        del os.environ[THREADS_VARIABLE]
        if before is not None:
            os.environ[THREADS_VARIABLE] = before


@dataclass(frozen=True, slots=True)
class Screen:
    """A kind of screen: from the number of levels of each factor, the level indexes of each run, and how many runs."""

    min_factors: int
    rows: Callable[[Sequence[int]], Sequence[Sequence[int]]]
    run_count: Callable[[Sequence[int]], int]
    two_levels: bool = False  # only


def _plackett_burman_runs(factors: int) -> int:
    return 4 * (factors // 4 + 1)


SCREENS = {
    "one-at-a-time": Screen(1, one_at_a_time, lambda levels: 1 + sum(levels) - len(levels)),
    "factorial": Screen(2, lambda levels: list(itertools.product(*map(range, levels))), math.prod),
    "plackett-burman": Screen(
        2,
        lambda levels: (plackett_burman(len(levels)) > 0).astype(int).tolist(),
        lambda levels: _plackett_burman_runs(len(levels)),
        two_levels=True,
    ),
    "resolution-iv": Screen(
        4,
        lambda levels: (resolution_iv(len(levels)) > 0).astype(int).tolist(),
        lambda levels: 2 * _plackett_burman_runs(len(levels) - 1),
        two_levels=True,
    ),
}


@dataclass(frozen=True, slots=True)
class DesignRun:
    """A run of a screen: the name of its arm, and the level of each factor."""

    name: str
    levels: Mapping[str, Any]


def screen_arms(document: Document, runs: Sequence[DesignRun]) -> list[Arm]:
    """Return an arm for each run, on top of `[arm]`, without invalid settings."""
    return [
        Arm(
            name=run.name,
            settings=merge_settings([document.arm, *(setting_table(key, level) for key, level in run.levels.items())]),
        )
        for run in runs
    ]


def screen_runs(document: Document, design: Design) -> list[DesignRun]:
    """Return the runs of the screen, each at all levels of a factor that `against` compares; none without a screen."""
    if not design.screen or any(screen_problems(document, design)):
        return []
    screened, compared = split_factors(document, design)
    counts, runs = [len(levels) for levels in screened.values()], []
    for number, indexes in enumerate(SCREENS[design.screen].rows(counts), start=1):
        levels = {key: screened[key][index] for key, index in zip(screened, indexes, strict=True)}
        changed = [key for key, index in zip(screened, indexes, strict=True) if index]
        name = _run_name(number, design.screen, levels, changed)
        for others in itertools.product(*compared.values()):
            all_levels = levels | dict(zip(compared, others, strict=True))
            runs.append(DesignRun("/".join([name, *map(level_name, others)]), all_levels))
    return runs


def _run_name(number: int, screen: str, levels: Mapping[str, Any], changed: Sequence[str]) -> str:
    """Return the name of a run: all levels (factorial), the changed level (one at a time), or else its number."""
    if SCREENS[screen].two_levels:
        return f"run-{number:02}"
    if screen == "factorial":
        return "/".join(map(level_name, levels.values()))
    names = short_names(list(levels))
    return "".join(f"{names[key]}={level_name(levels[key])}" for key in changed) or BASE


def level_names(runs: Sequence[DesignRun]) -> dict[str, dict[str, str]]:
    """Return the names of the levels of each run: `{run: {factor: level}}`."""
    return {run.name: {key: level_name(level) for key, level in run.levels.items()} for run in runs}


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return a short name for each setting: of a knob the last part, like `tcp_sack`, if this is unique."""
    last = {key: key.rpartition(".")[2] for key in keys}
    names = list(last.values())
    return {key: name if names.count(name) == 1 else key.removeprefix("knobs.") for key, name in last.items()}


def screen_problems(document: Document, design: Design) -> Iterator[ConfigProblem]:
    """Yield why the factors do not fit the screen."""
    if not design.screen:
        return
    if document.arms:
        text = "a screen uses only [factors]. Remove [arms.*], or write their differences as factors."
        yield ConfigProblem(SCREEN_PATH, design.screen, text)
    screened, compared = split_factors(document, design)
    yield from _number_problems(design.screen, len(screened))
    for key, levels in (screened | compared).items():
        if text := _level_problem(design.screen, levels, is_compared=key in compared):
            yield ConfigProblem(("factors", key), levels, text)


def _number_problems(screen: str, factors: int) -> Iterator[ConfigProblem]:
    fewest = SCREENS[screen].min_factors
    if factors < fewest:
        text = (
            f"needs at least {fewest} in [factors], without the one that design.against compares; there are {factors}."
        )
        yield ConfigProblem(SCREEN_PATH, screen, text)
    elif SCREENS[screen].two_levels and factors > MAX_FACTORS:
        text = f"has at most {MAX_FACTORS} factors; there are {factors}. Remove some."
        yield ConfigProblem(SCREEN_PATH, screen, text)


def _level_problem(screen: str, levels: Sequence[Any], *, is_compared: bool) -> str:
    if len(set(map(level_name, levels))) < len(levels):
        return "the levels of a factor must differ."
    if len(levels) < 2:
        return "a factor of a screen needs at least two levels, the usual one first."
    if SCREENS[screen].two_levels and len(levels) > 2 and not is_compared:
        return f'"{screen}" needs two levels of each factor. Keep two, or choose "one-at-a-time" or "factorial".'
    return ""


def split_factors(document: Document, design: Design) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Return (factors of the screen, factor that `against` compares)."""
    compared = {} if isinstance(design.against, str) else design.against
    parts: tuple[dict[str, list[Any]], dict[str, list[Any]]] = ({}, {})
    for key, levels in document.factors.items():
        parts[key in compared][key] = levels
    return parts


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot: parameters of the kernel command line, and the --set overrides that select its arms.

    Arms have the same names on all boots.
    """

    parameters: tuple[str, ...]
    overrides: tuple[str, ...]


def boots_of(document: Document, seed: int) -> list[Boot]:
    """Return a boot for each combination of levels, in random order. Raises ConfigError if there is no boot knob."""
    boot_factors = {name: levels for name, levels in document.factors.items() if name.startswith(BOOT_FACTOR_PREFIX)}
    if not boot_factors:
        raise ConfigError(
            f"{document.name} has no factor that needs a reboot. Add one, like "
            '"knobs.boot.mitigations" = ["auto", "off"] in [factors], or leave out --boots.'
        )
    others = {name: levels for name, levels in document.factors.items() if name not in boot_factors}
    if not others and not document.arms:
        raise ConfigError(
            f"{document.name} would have one arm on each boot, and arms of different boots cannot be compared. "
            'Add a factor to compare within each boot, like transport = ["tcp", "uds-tmpfs"].'
        )
    combinations = itertools.product(*boot_factors.values())
    boots = [_make_boot(dict(zip(boot_factors, levels, strict=True)), others) for levels in combinations]
    random.Random(seed).shuffle(boots)  # noqa: S311 - an order, no secret
    return boots


def other_overrides(overrides: Sequence[str]) -> list[str]:
    """Return the user's overrides without those of factors, which the overrides of each boot include."""
    return [override for override in overrides if override.partition("=")[0].partition(".")[0].strip() != FACTORS]


def _make_boot(levels: Mapping[str, object], others: Mapping[str, object]) -> Boot:
    names = {name: name.removeprefix("knobs.") for name in levels}
    ours = plugins.table(Knob)
    parameters = tuple(f"{ours[names[name]].boot_parameter}={levels[name]}" for name in levels)
    knobs = (f"arm.knobs.{quote(names[name])}={to_toml(levels[name])}" for name in levels)
    return Boot(parameters, (f"{FACTORS}={to_toml(others)}", *knobs))
