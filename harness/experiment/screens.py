"""Make the arms of a screen from factors."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.experiment.arms import level_name, merged
from harness.experiment.document import Document, setting_table
from harness.experiment.runs import MOST_FACTORS, one_at_a_time, plackett_burman, resolution_iv
from harness.experiment.wording import Problem
from harness.model import Arm, Design

Factors = Mapping[str, Sequence[Any]]

BASE = "base"
TWO_LEVELS = ("plackett-burman", "resolution-iv")
FEWEST_FACTORS = {"one-at-a-time": 1, "factorial": 2, "plackett-burman": 2, "resolution-iv": 4}
SCREEN = ("design", "screen")


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a screen: the name of its arm, and the level of each factor."""

    name: str
    levels: Mapping[str, Any]


def screened_arms(document: Document, runs: Sequence[Run]) -> list[Arm]:
    """Return an arm for each run, on top of `[arm]`, without invalid settings."""
    return [
        Arm(
            name=run.name,
            settings=merged([document.arm, *(setting_table(key, level) for key, level in run.levels.items())]),
        )
        for run in runs
    ]


def runs_of(document: Document, design: Design) -> list[Run]:
    """Return the runs of the screen; each is repeated at all levels of a factor that `against` compares."""
    screened, compared = split_factors(document, design)
    runs = [
        Run(_name(number, indexes, design, screened), _at(screened, indexes))
        for number, indexes in _places(screened, design)
    ]
    return [
        Run("/".join([run.name, *map(level_name, levels)]), {**run.levels, **dict(zip(compared, levels, strict=True))})
        for run in runs
        for levels in itertools.product(*compared.values())
    ]


def level_names(runs: Sequence[Run]) -> dict[str, dict[str, str]]:
    """Return the names of the levels of each run: `{run: {factor: level}}`."""
    return {run.name: {key: level_name(level) for key, level in run.levels.items()} for run in runs}


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return a short name for each setting: of a knob the last part, like `tcp_sack`, if this is unique."""
    last = {key: key.rpartition(".")[2] for key in keys}
    names = list(last.values())
    return {key: name if names.count(name) == 1 else key.removeprefix("knobs.") for key, name in last.items()}


def screen_problems(document: Document, design: Design) -> Iterator[Problem]:
    """Yield why the factors do not fit the screen."""
    if not design.screen:
        return
    if document.arms:
        text = "a screen uses only [factors]. Remove [arms.*], or write their differences as factors."
        yield Problem(SCREEN, design.screen, text)
    screened, compared = split_factors(document, design)
    yield from _number_problems(design.screen, len(screened))
    for key, levels in (screened | compared).items():
        if text := _level_problem(design.screen, levels, is_compared=key in compared):
            yield Problem(("factors", key), levels, text)


def _number_problems(screen: str, factors: int) -> Iterator[Problem]:
    fewest = FEWEST_FACTORS[screen]
    if factors < fewest:
        text = (
            f"needs at least {fewest} in [factors], without the one that design.against compares; there are {factors}."
        )
        yield Problem(SCREEN, screen, text)
    elif screen in TWO_LEVELS and factors > MOST_FACTORS:
        yield Problem(SCREEN, screen, f"has at most {MOST_FACTORS} factors; there are {factors}. Remove some.")


def _level_problem(screen: str, levels: Sequence[Any], *, is_compared: bool) -> str:
    if len(set(map(level_name, levels))) < len(levels):
        return "the levels of a factor must differ."
    if len(levels) < 2:
        return "a factor of a screen needs at least two levels, the usual one first."
    if screen in TWO_LEVELS and len(levels) > 2 and not is_compared:
        return f'"{screen}" needs two levels of each factor. Keep two, or choose "one-at-a-time" or "factorial".'
    return ""


def split_factors(document: Document, design: Design) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Return (factors of the screen, factor that `against` compares)."""
    compared = {} if isinstance(design.against, str) else design.against
    parts: tuple[dict[str, list[Any]], dict[str, list[Any]]] = ({}, {})
    for key, levels in document.factors.items():
        parts[key in compared][key] = levels
    return parts


def _places(factors: Factors, design: Design) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield the number of each run, from 1, and the level index of each factor."""
    numbers = list(map(len, factors.values()))
    match design.screen:
        case "one-at-a-time":
            rows: Sequence[Sequence[int]] = one_at_a_time(numbers)
        case "plackett-burman":
            rows = (plackett_burman(len(numbers)) > 0).astype(int).tolist()
        case "resolution-iv":
            rows = (resolution_iv(len(numbers)) > 0).astype(int).tolist()
        case _:
            rows = list(itertools.product(*map(range, numbers)))
    yield from enumerate(rows, start=1)


def _at(factors: Factors, indexes: Sequence[int]) -> dict[str, Any]:
    return {key: levels[index] for (key, levels), index in zip(factors.items(), indexes, strict=True)}


def _name(number: int, indexes: Sequence[int], design: Design, factors: Factors) -> str:
    """Return the name of a run: all levels (factorial), the changed level (one at a time), or else its number."""
    levels = _at(factors, indexes)
    if design.screen in TWO_LEVELS:
        return f"run-{number:02}"
    if design.screen == "factorial":
        return "/".join(map(level_name, levels.values()))
    names = short_names(list(factors))
    changed = [f"{names[key]}={level_name(levels[key])}" for key, index in zip(factors, indexes, strict=True) if index]
    return "".join(changed) or BASE
