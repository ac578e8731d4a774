"""From factors to the arms of a screen, and why these factors make none."""

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
    """An arm to be: its name, and the level of each factor."""

    name: str
    levels: Mapping[str, Any]


def screened_arms(document: Document, runs: Sequence[Run]) -> list[Arm]:
    """Each run on top of `[arm]`; what is wrong in a table is left out."""
    return [
        Arm(
            name=run.name,
            settings=merged([document.arm, *(setting_table(key, level) for key, level in run.levels.items())]),
        )
        for run in runs
    ]


def runs_of(document: Document, design: Design) -> list[Run]:
    """Those of the screen; a factor that `against` compares is no part of it: each run is made at all of its levels."""
    screened, compared = split_factors(document, design)
    runs = [
        Run(_name(number, places, design, screened), _at(screened, places))
        for number, places in _places(screened, design)
    ]
    return [
        Run("/".join([run.name, *map(level_name, levels)]), {**run.levels, **dict(zip(compared, levels, strict=True))})
        for run in runs
        for levels in itertools.product(*compared.values())
    ]


def level_names(runs: Sequence[Run]) -> dict[str, dict[str, str]]:
    return {run.name: {key: level_name(level) for key, level in run.levels.items()} for run in runs}


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Each setting's name, of a knob its last part where no other ends so: `tcp_sack`."""
    last = {key: key.rpartition(".")[2] for key in keys}
    names = list(last.values())
    return {key: name if names.count(name) == 1 else key.removeprefix("knobs.") for key, name in last.items()}


def screen_problems(document: Document, design: Design) -> Iterator[Problem]:
    """Why there is no such screen of these factors."""
    if not design.screen:
        return
    if document.arms:
        text = "a screen makes its arms of [factors] alone. Take [arms.*] out, or write what they differ in as factors."
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
            f"needs at least {fewest} in [factors], beside the one that design.against compares; there are {factors}."
        )
        yield Problem(SCREEN, screen, text)
    elif screen in TWO_LEVELS and factors > MOST_FACTORS:
        yield Problem(SCREEN, screen, f"takes at most {MOST_FACTORS} factors; there are {factors}. Take some out.")


def _level_problem(screen: str, levels: Sequence[Any], *, is_compared: bool) -> str:
    if len(set(map(level_name, levels))) < len(levels):
        return "the levels of a factor must differ."
    if len(levels) < 2:
        return "a factor of a screen needs at least two levels, the usual one first."
    if screen in TWO_LEVELS and len(levels) > 2 and not is_compared:
        return f'"{screen}" takes two levels of each factor. Leave two, or choose "one-at-a-time" or "factorial".'
    return ""


def split_factors(document: Document, design: Design) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """(the factors of the screen, the one that is compared)."""
    compared = {} if isinstance(design.against, str) else design.against
    parts: tuple[dict[str, list[Any]], dict[str, list[Any]]] = ({}, {})
    for key, levels in document.factors.items():
        parts[key in compared][key] = levels
    return parts


def _places(factors: Factors, design: Design) -> Iterator[tuple[int, Sequence[int]]]:
    """Run by run, counted from 1: the place of each factor's level."""
    numbers = list(map(len, factors.values()))
    match design.screen:
        case "one-at-a-time":
            places: Sequence[Sequence[int]] = one_at_a_time(numbers)
        case "plackett-burman":
            places = (plackett_burman(len(numbers)) > 0).astype(int).tolist()
        case "resolution-iv":
            places = (resolution_iv(len(numbers)) > 0).astype(int).tolist()
        case _:
            places = list(itertools.product(*map(range, numbers)))
    yield from enumerate(places, start=1)


def _at(factors: Factors, places: Sequence[int]) -> dict[str, Any]:
    return {key: levels[place] for (key, levels), place in zip(factors.items(), places, strict=True)}


def _name(number: int, places: Sequence[int], design: Design, factors: Factors) -> str:
    """By all levels where there are few, by what is changed where that is one, else by number."""
    levels = _at(factors, places)
    if design.screen in TWO_LEVELS:
        return f"run-{number:02}"
    if design.screen == "factorial":
        return "/".join(map(level_name, levels.values()))
    names = short_names(list(factors))
    changed = [f"{names[key]}={level_name(levels[key])}" for key, place in zip(factors, places, strict=True) if place]
    return "".join(changed) or BASE
