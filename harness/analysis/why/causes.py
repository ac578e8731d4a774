"""Add the causes to a summary."""

from collections.abc import Sequence

from harness.analysis.why.counters import counters
from harness.analysis.why.counting import counting_percent
from harness.analysis.why.explanation import explanations
from harness.analysis.why.loads import loads
from harness.analysis.why.plausibility import with_floor
from harness.analysis.why.setup import setups
from harness.analysis.why.waterfall import waterfalls
from harness.model import ArmSummary, Comparison, Experiment, Floor, Load, Record, Settings, Summary

CLIENT_ROLE = "client"


def with_causes(
    summary: Summary, experiment: Experiment, records: Sequence[Record], floor: Floor | None = None
) -> Summary:
    """Return the summary with the causes from `records` and, with a `floor`, the plausibility of effects."""
    all_counters, utilisations = counters(experiment, records), loads(experiment, records)
    all_explanations = explanations(_explicable(summary, experiment), all_counters, records)
    return summary.model_copy(
        update={
            "arms": _arms(summary, utilisations),
            "counters": all_counters,
            "explanations": with_floor(all_explanations, experiment, records, floor),
            "loads": utilisations,
            "waterfalls": waterfalls(experiment, records),
            "setups": setups(experiment, all_counters, records),
            "counting_percent": counting_percent(records),
            "unseen": tuple(dict.fromkeys(sentence for record in records for sentence in record.unseen)),
        }
    )


def _explicable(summary: Summary, experiment: Experiment) -> list[Comparison]:
    """Return the comparisons that can be taken apart: one request at a time, no url, the first reference of an arm.

    With many requests in flight, most of the time of a request is queueing behind others.
    """
    explicable = {arm.name for arm in experiment.arms if _is_seen_through(arm.settings)}
    first = dict(reversed(experiment.pairs))
    return [
        comparison
        for comparison in summary.comparisons
        if {comparison.arm, comparison.against} <= explicable and first[comparison.arm] == comparison.against
    ]


def _is_seen_through(settings: Settings) -> bool:
    return settings.connections == 1 and not settings.rate and not settings.url


def _arms(summary: Summary, utilisations: Sequence[Load]) -> dict[str, ArmSummary]:
    """Return the arms, without a rate where the client was the bottleneck."""
    client_bound = {load.arm for load in utilisations if load.bound == "client-bound" or CLIENT_ROLE in load.together}
    return {
        name: arm.model_copy(update={"requests_per_s": None}) if name in client_bound else arm
        for name, arm in summary.arms.items()
    }
