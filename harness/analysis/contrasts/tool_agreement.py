"""Whether load tools agree on the sign of effects and, if not, why."""

from collections.abc import Iterable, Iterator, Sequence

from harness.analysis.contrasts.factorial import setting_levels
from harness.analysis.statistics.percentiles import resolution_step_us
from harness.analysis.statistics.series import ArmPair
from harness.experiment.constraints import OWN_CLIENT
from harness.model import Comparison, Experiment, Record, SignAgreement, ToolAgreement, VisitRow

TOOL_PREFIX = "tool"


def tool_agreements(
    experiment: Experiment, comparisons: Sequence[Comparison], records: Sequence[Record]
) -> tuple[ToolAgreement, ...]:
    """Return the agreement of each tool with our client (or else with the first tool) on each latency comparison.

    A sign is known if the interval excludes zero and no request failed.
    """
    latency = {
        (comparison.arm, comparison.against): comparison for comparison in comparisons if comparison.metric == "latency"
    }
    couples = ((latency[pair], latency[same]) for pair, same in _couples(experiment) if {pair, same} <= latency.keys())
    return tuple(_tool_agreement(experiment, comparison, reference, records) for comparison, reference in couples)


def _couples(experiment: Experiment) -> Iterator[tuple[ArmPair, ArmPair]]:
    """Yield (a comparison by another tool, the same by the reference tool)."""
    if isinstance(experiment.design.against, str):
        return
    pairs = [pair for pair in experiment.pairs if experiment.arm(pair[0]).control_of is None]
    tools = list(dict.fromkeys(_tool(experiment, pair) for pair in pairs))
    reference = OWN_CLIENT if OWN_CLIENT in tools else next(iter(tools), "")
    for pair in pairs:
        for same in pairs:
            by_reference = _tool(experiment, same) == reference != _tool(experiment, pair)
            if by_reference and _levels_without_tool(experiment, pair) == _levels_without_tool(experiment, same):
                yield pair, same


def _tool(experiment: Experiment, pair: ArmPair) -> str:
    return experiment.arm(pair[0]).settings.tool


def _levels_without_tool(experiment: Experiment, pair: ArmPair) -> list[dict[str, str]]:
    """Return the levels of both arms of a pair, without the settings that begin with "tool"."""
    arm_levels = [setting_levels(experiment.arm(name).settings) for name in pair]
    return [{key: level for key, level in levels.items() if not key.startswith(TOOL_PREFIX)} for levels in arm_levels]


def _tool_agreement(
    experiment: Experiment, comparison: Comparison, reference: Comparison, records: Sequence[Record]
) -> ToolAgreement:
    names = [_tool(experiment, (either.arm, either.against)) for either in (comparison, reference)]
    verdict = _sign_agreement(effect_sign(comparison), effect_sign(reference))
    return ToolAgreement(
        tool=names[0],
        reference=names[1],
        arm=comparison.arm,
        against=comparison.against,
        verdict=verdict,
        why=() if verdict == "same" else tuple(_reasons(names, comparison, reference, records)),
    )


def effect_sign(comparison: Comparison) -> int:
    """Return -1 for faster, 1 for slower, 0 for unknown: the interval contains zero, or there is no verdict."""
    if comparison.verdict is None or comparison.percent_low is None or comparison.percent_high is None:
        return 0
    return (comparison.percent_low > 0) - (comparison.percent_high < 0)


def _sign_agreement(sign: int, reference: int) -> SignAgreement:
    if not sign or not reference:
        return "undecided"
    return "same" if sign == reference else "opposite"


def _reasons(
    names: Sequence[str], comparison: Comparison, reference: Comparison, records: Sequence[Record]
) -> Iterator[str]:
    tool, other = names
    for name, either in ((tool, comparison), (other, reference)):
        if not effect_sign(either):
            yield _unknown_sign_reason(name, either)
    yield from _coarse_times_reasons(tool, comparison, reference, records)
    yield from _fewer_requests_reasons(names, comparison, reference, records)


def _unknown_sign_reason(name: str, comparison: Comparison) -> str:
    if comparison.verdict is None or comparison.percent_low is None or comparison.percent_high is None:
        return f"There is no verdict by {name}: {comparison.why.rstrip('.')}."
    return f"The interval of {name} contains zero ({comparison.percent_low:+.1f} to {comparison.percent_high:+.1f} %)."


def _coarse_times_reasons(
    tool: str, comparison: Comparison, reference: Comparison, records: Sequence[Record]
) -> Iterator[str]:
    step = resolution_step_us(visit.mean_us for visit in _visits(records, (comparison.arm, comparison.against)))
    expected_us = abs(reference.us or 0)
    if step > expected_us > 0:
        yield f"The times of {tool} come in steps of {step:g} us, and the difference is {expected_us:.0f} us."


def _fewer_requests_reasons(
    names: Sequence[str], comparison: Comparison, reference: Comparison, records: Sequence[Record]
) -> Iterator[str]:
    own, others = (
        sum(visit.requests for visit in _visits(records, (either.arm, either.against)))
        for either in (comparison, reference)
    )
    if own < others:
        yield f"{names[0]} sent {own} requests over both arms where {names[1]} sent {others}."


def _visits(records: Iterable[Record], pair: ArmPair) -> Iterator[VisitRow]:
    return (visit for record in records for visit in record.visits if visit.arm in pair)
