"""From tables to arms, and which arm is compared with which."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from harness.experiment.document import Document, Table, did_you_mean, setting_table, shown
from harness.model import Arm, Design, Settings

CONTROL = "control"

Pair = tuple[str, str]


def arms_of(document: Document) -> list[Arm]:
    """The product of `[arms.*]` and `[factors]`, each on top of `[arm]`; names need not be unique yet."""
    tables = document.arms or {"": {}}
    return [
        Arm(
            name="/".join(part for part in (name, *map(level_name, levels)) if part) or document.name,
            settings=_settings([document.arm, table, *map(setting_table, document.factors, levels)]),
        )
        for name, table in tables.items()
        for levels in itertools.product(*document.factors.values())
    ]


def level_name(level: object) -> str:
    """How a level reads in an arm's name: `16`, `bytes/100` for the path /bytes/100, `true`."""
    text = level if isinstance(level, str) else json.dumps(level, separators=(",", ":"))
    return text.strip("/") or "root"


def pair_problems(arms: Sequence[Arm], design: Design) -> Iterator[str]:
    """Why the arms cannot be compared as `design.against` asks."""
    names = [arm.name for arm in arms]
    if len(arms) < 2:
        yield f"There is one arm only, {names[0]!r}: a comparison needs two. Add [arms.*] tables or [factors]."
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"Two arms are called {name!r}. Give them different names or levels."
    if CONTROL in names:
        yield f"arms.{CONTROL}: this name is taken by the control, the reference arm under a second name."
    against = design.against
    if isinstance(against, str):
        if against and against not in names:
            yield f'design.against = "{against}": there is no such arm.{did_you_mean(against, names)}'
    else:
        yield from _level_problems(arms, against)


def pairs_of(arms: Sequence[Arm], design: Design) -> list[Pair]:
    """(arm, against) for each comparison, in the order of the arms."""
    if isinstance(design.against, str):
        reference = design.against or arms[0].name
        return [(arm.name, reference) for arm in arms if arm.name != reference]
    key, level = next(iter(design.against.items()))
    counterparts = ((arm, _counterpart(arm, arms, key, level)) for arm in arms)
    return [(arm.name, other.name) for arm, other in counterparts if other and other.name != arm.name]


def control_of(arms: Sequence[Arm], pairs: Sequence[Pair]) -> Arm:
    """The reference of the first comparison, a second time."""
    reference = next(arm for arm in arms if arm.name == pairs[0][1])
    return Arm(name=CONTROL, settings=reference.settings, control_of=reference.name)


def _settings(tables: Sequence[Table]) -> Settings:
    merged: dict[str, Any] = {}
    for table in tables:
        knobs = {**merged.get("knobs", {}), **table.get("knobs", {})}
        merged |= table | ({"knobs": knobs} if knobs else {})
    return Settings.model_validate(merged)


def _level_problems(arms: Sequence[Arm], against: dict[str, Any]) -> Iterator[str]:
    if len(against) != 1:
        yield f"design.against = {shown(against)}: name exactly one setting and its level."
        return
    key, level = next(iter(against.items()))
    if key not in Settings.model_fields:
        yield f"design.against = {shown(against)}: {key!r} is no setting.{did_you_mean(key, Settings.model_fields)}"
        return
    if all(getattr(arm.settings, key) != level for arm in arms):
        yield f"design.against = {shown(against)}: no arm has {key} = {shown(level)}."
        return
    for arm in arms:
        if _counterpart(arm, arms, key, level) is None:
            yield (
                f"design.against = {shown(against)}: no arm differs from {arm.name!r} in {key} alone. "
                "Add it, or name an arm."
            )


def _counterpart(arm: Arm, arms: Sequence[Arm], key: str, level: object) -> Arm | None:
    wanted = arm.settings.model_dump() | {key: level}
    return next((other for other in arms if other.settings.model_dump() == wanted), None)
