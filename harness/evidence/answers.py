"""Whether arms that are compared give the same kind of answer, as far as an answer tells that."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.model import Reply

ALIKE_SHARE = 0.1  # of the length of answers that are no JSON objects: dates and counters make some bytes


class Shape(NamedTuple):
    """What must not differ between two right answers."""

    status: int
    kind: str
    keys: tuple[str, ...]


def shape(reply: Reply) -> Shape:
    """Status, type, and the keys of a JSON object."""
    kind = reply.headers.get("content-type", "")
    try:
        content = json.loads(reply.body) if "json" in kind.lower() else None
    except ValueError:
        content = None
    return Shape(reply.status, kind, tuple(sorted(content)) if isinstance(content, Mapping) else ())


def unlike_answers(pairs: Sequence[tuple[str, str]], replies: Mapping[str, Reply]) -> Iterator[str]:
    """A sentence for each pair whose answers are not of one kind."""
    for arm, against in pairs:
        mine, other = replies[arm], replies[against]
        if not _alike(mine, other):
            yield (
                f"{arm!r} answers {_told(mine)} and {against!r} {_told(other)}: what is compared must answer alike. "
                "Correct the url, or the path of the other."
            )


def _alike(one: Reply, other: Reply) -> bool:
    mine, others = shape(one), shape(other)
    same_kind = _media(mine) == _media(others) and mine.keys == others.keys
    lengths = sorted((len(one.body), len(other.body)))
    return same_kind and (bool(mine.keys) or lengths[1] - lengths[0] <= ALIKE_SHARE * lengths[1])


def _media(of: Shape) -> str:
    """Without parameters: servers differ in whether they tell the charset."""
    return of.kind.partition(";")[0].strip().lower()


def _told(reply: Reply) -> str:
    seen = shape(reply)
    keys = f" with {', '.join(seen.keys)}" if seen.keys else ""
    return f"{len(reply.body)} bytes of {_media(seen) or 'no content type'}{keys}"
