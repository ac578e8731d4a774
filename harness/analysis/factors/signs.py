"""Whether load tools see effects of the same sign, and where not, why, as far as the data can tell."""

from collections.abc import Iterable, Iterator, Sequence

from harness.analysis.effects import Pair
from harness.analysis.factors.corners import levels_of
from harness.analysis.resolution import step_us
from harness.experiment.limits import CLIENT
from harness.model import Comparison, Experiment, Record, SameSign, ToolSign, VisitRow

TOOL = "tool"


def tool_signs(
    experiment: Experiment, comparisons: Sequence[Comparison], records: Sequence[Record]
) -> tuple[ToolSign, ...]:
    """Each comparison by a tool beside the same by our client, or else by the first tool; the typical request.

    The sign is known when the interval excludes zero and no request failed.
    """
    latency = {(one.arm, one.against): one for one in comparisons if one.metric == "latency"}
    found = ((latency[pair], latency[same]) for pair, same in _couples(experiment) if {pair, same} <= latency.keys())
    return tuple(_sign(experiment, one, reference, records) for one, reference in found)


def _couples(experiment: Experiment) -> Iterator[tuple[Pair, Pair]]:
    """(a comparison by another tool, the same by the tool of reference)."""
    if isinstance(experiment.design.against, str):
        return
    pairs = [pair for pair in experiment.pairs if experiment.arm(pair[0]).control_of is None]
    tools = list(dict.fromkeys(_tool(experiment, pair) for pair in pairs))
    reference = CLIENT if CLIENT in tools else next(iter(tools), "")
    for pair in pairs:
        for same in pairs:
            by_reference = _tool(experiment, same) == reference != _tool(experiment, pair)
            if by_reference and _but_for_tool(experiment, pair) == _but_for_tool(experiment, same):
                yield pair, same


def _tool(experiment: Experiment, pair: Pair) -> str:
    return experiment.arm(pair[0]).settings.tool


def _but_for_tool(experiment: Experiment, pair: Pair) -> list[dict[str, str]]:
    """What both arms of a pair are, but for who asks and how long: settings that begin with "tool"."""
    levels = [levels_of(experiment.arm(name).settings) for name in pair]
    return [{key: level for key, level in one.items() if not key.startswith(TOOL)} for one in levels]


def _sign(experiment: Experiment, one: Comparison, reference: Comparison, records: Sequence[Record]) -> ToolSign:
    names = [_tool(experiment, (each.arm, each.against)) for each in (one, reference)]
    verdict = _same(direction(one), direction(reference))
    return ToolSign(
        tool=names[0],
        reference=names[1],
        arm=one.arm,
        against=one.against,
        verdict=verdict,
        why=() if verdict == "same" else tuple(_reasons(names, one, reference, records)),
    )


def direction(one: Comparison) -> int:
    """-1 faster, 1 slower, 0 unknown: the interval contains zero, or there is no verdict."""
    if one.verdict is None or one.percent_low is None or one.percent_high is None:
        return 0
    return (one.percent_low > 0) - (one.percent_high < 0)


def _same(one: int, reference: int) -> SameSign:
    if not one or not reference:
        return "undecided"
    return "same" if one == reference else "opposite"


def _reasons(names: Sequence[str], one: Comparison, reference: Comparison, records: Sequence[Record]) -> Iterator[str]:
    tool, other = names
    for name, seen in ((tool, one), (other, reference)):
        if not direction(seen):
            yield _open(name, seen)
    yield from _coarse(tool, one, reference, records)
    yield from _fewer(names, one, reference, records)


def _open(name: str, seen: Comparison) -> str:
    if seen.verdict is None or seen.percent_low is None or seen.percent_high is None:
        return f"There is no verdict by {name}: {seen.why.rstrip('.')}."
    return f"The interval of {name} contains zero ({seen.percent_low:+.1f} to {seen.percent_high:+.1f} %)."


def _coarse(tool: str, one: Comparison, reference: Comparison, records: Sequence[Record]) -> Iterator[str]:
    step = step_us(visit.mean_us for visit in _visits(records, (one.arm, one.against)))
    expected_us = abs(reference.us or 0)
    if step > expected_us > 0:
        yield f"The times of {tool} come in steps of {step:g} us, and the difference is {expected_us:.0f} us."


def _fewer(names: Sequence[str], one: Comparison, reference: Comparison, records: Sequence[Record]) -> Iterator[str]:
    own, others = (_requests(records, (each.arm, each.against)) for each in (one, reference))
    if own < others:
        yield f"{names[0]} sent {own} requests over both arms where {names[1]} sent {others}."


def _requests(records: Iterable[Record], pair: Pair) -> int:
    return sum(visit.requests for visit in _visits(records, pair))


def _visits(records: Iterable[Record], pair: Pair) -> Iterator[VisitRow]:
    return (visit for record in records for visit in record.visits if visit.arm in pair)
