"""What is not the same in all of several runs, field by field."""

import json
from collections.abc import Iterator, Mapping, Sequence

from harness.model import Model


class Contrast(Model):
    """A field by its dotted name, and its value in each run: None where the run does not have it."""

    field: str
    values: tuple[str | None, ...]


def contrasts(trees: Sequence[Mapping[str, object]]) -> tuple[Contrast, ...]:
    """The fields in which `trees` differ; an empty tree is one of which nothing is known, and differs from none."""
    flat = [flattened(tree) for tree in trees]
    fields = dict.fromkeys(field for facts in flat for field in facts)
    found = [Contrast(field=field, values=tuple(facts.get(field) for facts in flat)) for field in fields]
    known = [place for place, facts in enumerate(flat) if facts]
    return tuple(each for each in found if len({each.values[place] for place in known}) > 1)


def contrasts_by_part(trees: Sequence[Mapping[str, object]]) -> tuple[Contrast, ...]:
    """The fields in which `trees` differ; a part that a tree lacks is not known of it, and differs from none."""
    parts = dict.fromkeys(part for tree in trees for part in tree)
    return tuple(contrast for part in parts for contrast in _contrasts_of(part, trees))


def _contrasts_of(part: str, trees: Sequence[Mapping[str, object]]) -> Iterator[Contrast]:
    flat = [flattened(tree[part], part) if part in tree else None for tree in trees]
    for field in dict.fromkeys(field for facts in flat for field in facts or ()):
        if len({facts.get(field) for facts in flat if facts is not None}) > 1:
            yield Contrast(field=field, values=tuple((facts or {}).get(field) for facts in flat))


def flattened(value: object, name: str = "") -> dict[str, str]:
    """`{"a": {"b": [0, 1]}}` is `{"a.b": "0 1"}`; tables in a list and lines of a text are numbered from 0."""
    parts = _parts(value)
    if parts is None:
        return {name: _text(value)}
    named = {f"{name}.{key}" if name else str(key): part for key, part in parts.items()}
    return {inner: text for outer, part in named.items() for inner, text in flattened(part, outer).items()}


def _parts(value: object) -> Mapping[object, object] | None:
    """What is inside a value that has fields of its own; None for one that stands for itself."""
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
