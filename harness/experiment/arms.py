"""Make the arms of an experiment from its tables."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.experiment.check import Table, sound
from harness.experiment.document import Document, setting_table
from harness.experiment.wording import shown
from harness.model import Arm, Settings

CONTROL = "control"
ONE_BY_ONE = ("knobs", "headers")  # settings that are tables and are merged key by key
LONGEST_NAME = 100


def arms_of(document: Document) -> list[Arm]:
    """Return the product of `[arms.*]` and `[factors]`, each on top of `[arm]`, without invalid settings."""
    tables = document.arms or {"": {}}
    return [
        Arm(
            name="/".join(part for part in (name, *map(level_name, levels)) if part) or document.name,
            settings=merged([document.arm, table, *map(setting_table, document.factors, levels)]),
        )
        for name, table in tables.items()
        for levels in itertools.product(*document.factors.values())
    ]


def merged(tables: Iterable[Table]) -> Settings:
    """Merge tables into settings: later ones override earlier ones; knobs and headers are merged key by key."""
    settings: Table = {}
    for table in tables:
        given = sound(Settings, table).model_dump(exclude_unset=True)
        one_by_one = {key: settings.get(key, {}) | given[key] for key in ONE_BY_ONE if key in given}
        settings |= given | one_by_one
    return Settings.model_validate(settings)


def level_name(level: object) -> str:
    """Return a level as it appears in an arm's name: `16`, `true`, `bytes/100` for /bytes/100, `nginx=1,app=2+3`."""
    if isinstance(level, Mapping):
        return ",".join(f"{key}={level_name(inside)}" for key, inside in level.items()) or "none"
    if isinstance(level, list):
        return "+".join(map(level_name, level))
    text = level if isinstance(level, str) else json.dumps(level, default=str)
    return text.strip("/") or ("root" if text else "default")


def name_problems(names: Sequence[str]) -> Iterator[str]:
    """Yield problems of the names of arms: too few, duplicate, reserved or malformed."""
    if len(names) == 1:
        yield f"There is only one arm, {names[0]!r}: a comparison needs two. Add [arms.*] tables or [factors]."
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield (
            f"More than one arm is called {name!r}. Give each table of [arms.*] its own name, "
            "and each factor distinct levels."
        )
    if CONTROL in names:
        yield f"arms.{CONTROL}: this name is reserved for the copy of the reference arm. Choose another name."
    for name in dict.fromkeys(names):
        if not _is_good(name):
            yield (
                f"An arm is called {shown(name)}. Choose a name of at most {LONGEST_NAME} printable characters, "
                'without "/" at its ends and without ".."; write arms of factors as tables of [arms.*] to name them.'
            )


def _is_good(name: str) -> bool:
    """Return whether `name` can be used in nginx.conf, in tables and as a directory."""
    return len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip(" /") and ".." not in name
