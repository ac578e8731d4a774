"""The metadata fields that differ between runs."""

import json
from collections.abc import Iterator, Mapping, Sequence

from harness.model import Model


class Contrast(Model):
    """A field by its dotted name, and its value in each run, None if absent."""

    field: str
    values: tuple[str | None, ...]


def contrasts(trees: Sequence[Mapping[str, object]]) -> tuple[Contrast, ...]:
    """Return the fields in which `trees` differ. An empty tree is unknown and differs from none."""
    flat = [flattened(tree) for tree in trees]
    fields = dict.fromkeys(field for facts in flat for field in facts)
    candidates = [Contrast(field=field, values=tuple(facts.get(field) for facts in flat)) for field in fields]
    known = [index for index, facts in enumerate(flat) if facts]
    return tuple(candidate for candidate in candidates if len({candidate.values[index] for index in known}) > 1)


def contrasts_by_part(trees: Sequence[Mapping[str, object]]) -> tuple[Contrast, ...]:
    """Return the fields in which `trees` differ. A part that a tree lacks is unknown and differs from none."""
    parts = dict.fromkeys(part for tree in trees for part in tree)
    return tuple(contrast for part in parts for contrast in _contrasts_of(part, trees))


def _contrasts_of(part: str, trees: Sequence[Mapping[str, object]]) -> Iterator[Contrast]:
    flat = [flattened(tree[part], part) if part in tree else None for tree in trees]
    for field in dict.fromkeys(field for facts in flat for field in facts or ()):
        if len({facts.get(field) for facts in flat if facts is not None}) > 1:
            yield Contrast(field=field, values=tuple((facts or {}).get(field) for facts in flat))


def flattened(value: object, name: str = "") -> dict[str, str]:
    """Return `{"a.b": "0 1"}` for `{"a": {"b": [0, 1]}}`; tables in a list and lines of a text are numbered from 0."""
    parts = _parts(value)
    if parts is None:
        return {name: _text(value)}
    parts_by_name = {f"{name}.{key}" if name else str(key): part for key, part in parts.items()}
    return {inner: text for outer, part in parts_by_name.items() for inner, text in flattened(part, outer).items()}


def _parts(value: object) -> Mapping[object, object] | None:
    """Return the parts of a value with fields, lines or tables; None for a plain value."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return dict(enumerate(value))
    if isinstance(value, str) and "\n" in value:
        return dict(enumerate(value.splitlines()))
    return None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return " ".join(map(_text, value)) if isinstance(value, list | tuple) else json.dumps(value)
