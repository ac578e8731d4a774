"""Puts causes beside the verdicts of a summary."""

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
    """The same verdicts with what `records` say of why, and where `floor` was measured, of how plausible they are."""
    counted, busy = counters(experiment, records), loads(experiment, records)
    explained = explanations(_explicable(summary, experiment), counted, records)
    return summary.model_copy(
        update={
            "arms": _arms(summary, busy),
            "counters": counted,
            "explanations": with_floor(explained, experiment, records, floor),
            "loads": busy,
            "waterfalls": waterfalls(experiment, records),
            "setups": setups(experiment, counted, records),
            "counting_percent": counting_percent(records),
            "unseen": tuple(dict.fromkeys(sentence for record in records for sentence in record.unseen)),
        }
    )


def _explicable(summary: Summary, experiment: Experiment) -> list[Comparison]:
    """Where many requests are under way, most of a request's time is the turn of others, and no part of its own.

    What is behind a url cannot be taken apart; and counters know one reference of an arm, the first.
    """
    alone = {arm.name for arm in experiment.arms if _is_seen_through(arm.settings)}
    first = dict(reversed(experiment.pairs))
    return [one for one in summary.comparisons if {one.arm, one.against} <= alone and first[one.arm] == one.against]


def _is_seen_through(settings: Settings) -> bool:
    return settings.connections == 1 and not settings.rate and not settings.url


def _arms(summary: Summary, busy: Sequence[Load]) -> dict[str, ArmSummary]:
    """No rate is the servers' where the client set the pace."""
    bound = {load.arm for load in busy if load.bound == "client-bound" or CLIENT_ROLE in load.together}
    return {
        name: arm.model_copy(update={"requests_per_s": None}) if name in bound else arm
        for name, arm in summary.arms.items()
    }
