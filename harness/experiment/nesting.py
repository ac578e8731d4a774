"""Limit the size and the depth of the tables of a file."""

from collections.abc import Iterator, Mapping

from harness.experiment.wording import Place, written

DEEPEST = 8  # nested tables; an experiment has four
MOST_ENTRIES = 1000  # of a list or a table


def nesting_problems(tables: Mapping[str, object]) -> Iterator[str]:
    """Yield a sentence for the first list or table that is too long or too deep, without recursion."""
    waiting: list[tuple[Place, object]] = [((), tables)]
    while waiting:
        place, value = waiting.pop()
        entries = _entries(value)
        where = written(place) or "The file"
        if len(entries) > MOST_ENTRIES:
            yield f"{where} has {len(entries)} entries; at most {MOST_ENTRIES} are read. Leave some out."
            return
        if len(place) > DEEPEST:
            yield f"{where} is nested {len(place)} deep; at most {DEEPEST} are read. An experiment needs no more."
            return
        waiting += [((*place, key), inside) for key, inside in entries]


def _entries(value: object) -> list[tuple[str | int, object]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []
