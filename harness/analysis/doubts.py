"""Doubts that only the analysis can raise: controls that differ, ladders that do not add up, drift between sessions."""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from harness.analysis.contrasts.pairs import is_control_pair
from harness.analysis.failures import answer_changes, describe_failures
from harness.analysis.statistics.intervals import MIN_SESSIONS_FOR_INTERVAL
from harness.experiment.constraints import sentences_on_arms
from harness.experiment.schedule import MIN_SESSIONS
from harness.experiment.transports import is_tcp
from harness.model import (
    HEADLINE_METRICS,
    METRICS,
    OUT_OF_TIME,
    ArmEffect,
    Comparison,
    Doubt,
    Experiment,
    LevelEffect,
    MainEffect,
    Plan,
    Record,
    Settings,
    Verdict,
)
from harness.model.settings import varying_keys

RUNG_ADVICE = (
    "Something other than the network differs between these stacks, and may differ between those over TCP too: trust "
    "no step of this size, quiet the machine and measure again."
)

LEAST_VISITING_SHARE = 2 / 3  # of the time of sessions
BARE_CHAINS = ("app-direct", "floor")  # without nginx, which the client reaches by TCP
MOVED: tuple[Verdict, ...] = ("faster", "slower")
NULL_ADVICE = "Distrust the other effects: find out what else differed, and measure again."


def percent_with_interval(effect: ArmEffect) -> str:
    """Return a text like `+3.00 % (95 % interval +1.00 to +5.00)`."""
    return (
        f"{effect.percent:+.2f} % "
        f"({100 * effect.confidence:.4g} % interval {effect.percent_low:+.2f} to {effect.percent_high:+.2f})"
    )


def differing_controls(experiment: Experiment, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons in which a control differs from its arm."""
    return [
        comparison
        for comparison in comparisons
        if comparison.verdict in MOVED and is_control_pair(experiment, (comparison.arm, comparison.against))
    ]


def control_doubts(differing: Sequence[Comparison]) -> Iterator[Doubt]:
    """Yield a doubt for each metric on which the control differs."""
    for comparison in differing:
        label = METRICS[comparison.metric].time_label
        direction = "lower" if comparison.verdict == "faster" else "higher"
        yield Doubt(
            kind="control",
            arm=comparison.arm,
            seen=(
                f"The control is {comparison.against} a second time (an A/A test), but its {label} is {direction}: "
                f"{percent_with_interval(comparison)}."
            ),
            advice=f"Trust no difference of this size in {label}; quiet the machine and measure again.",
        )


def validity_doubts(
    failed: Mapping[str, Mapping[str, int]], records: Sequence[Record], planned_sessions: int, directory: str
) -> list[Doubt]:
    """Return the doubts that make a run invalid: failed requests, changed answers, missing sessions."""
    doubts = [
        Doubt(
            kind="failed",
            arm=arm,
            seen=f"{describe_failures(kinds)}.",
            advice="Read the logs of its stack and fix the cause: an arm with failed requests has no verdict.",
        )
        for arm, kinds in failed.items()
    ]
    doubts += [
        Doubt(
            kind="answers",
            session=session,
            arm=arm,
            seen=f"Its answer changed since the run began: {change}.",
            advice="Find out what changed it, and measure again: sessions with different answers have no common mean.",
        )
        for arm, session, change in answer_changes(sorted(records, key=lambda record: record.session))
    ]
    needed = max(planned_sessions, MIN_SESSIONS_FOR_INTERVAL)
    if len(records) < needed:
        advice = f"Continue with barehop run --resume {shlex.quote(directory)}."
        shortage = f"{len(records)} of {needed} sessions were measured."
        doubts.append(Doubt(kind="incomplete", seen=shortage, advice=advice))
    return doubts


def out_of_time_doubts(plan: Plan) -> Iterator[Doubt]:
    """Yield a doubt if the time limit ended the run with too few sessions."""
    done, planned = plan.out_of_time_after, plan.schedule.sessions
    least = min(planned, MIN_SESSIONS)
    if done is not None and done < least:
        yield Doubt(
            kind=OUT_OF_TIME,
            seen=(
                f"The time limit was reached after {done} of {planned} planned sessions. With fewer than {least}, one "
                "unusual session determines the interval."
            ),
            advice="Allow more time with --budget, and measure again.",
        )


def starting_doubts(experiment: Experiment, records: Sequence[Record]) -> Iterator[Doubt]:
    """Yield a doubt if the file fixes so many sessions that most of their time is not spent in visits."""
    design = experiment.design
    total_s, visiting_s = (sum(record.seconds.get(part, 0.0) for record in records) for part in ("total", "visiting"))
    if design.sessions and design.rounds is None and visiting_s < LEAST_VISITING_SHARE * total_s:
        yield Doubt(
            kind="starting",
            seen=(
                f"Only {visiting_s:.0f} of {total_s:.0f} s of sessions were visits: design.sessions is "
                f"{design.sessions}, and each session starts and ends all servers."
            ),
            advice=(
                f"Use fewer sessions (at least {MIN_SESSIONS}), or leave design.sessions out: barehop then chooses how "
                "many make the intervals narrowest. Or give a longer --budget."
            ),
        )


def arm_doubts(experiment: Experiment) -> Iterator[Doubt]:
    """Yield a doubt for each reason why arms were left out, and one if any arm has a url."""
    for sentence in sentences_on_arms(experiment.left_out.items()):
        yield Doubt(
            kind="left-out",
            seen=sentence,
            advice="The other arms were measured. Arms above a missing rung are compared with the rung below it.",
        )
    names = [arm.name for arm in experiment.arms if arm.settings.url and arm.control_of is None]
    if names:
        yield Doubt(
            kind="url",
            seen=(
                f"The service behind the url of {', '.join(names)} was already running. Its CPUs and limits are "
                "unknown, and sessions do not restart it, so no interval includes the variance between service starts."
            ),
            advice=(
                "Restart it, run again, and compare the two runs with barehop compare. Without pids or cgroup its "
                "processes count as other busy processes."
            ),
        )


def session_doubts(records: Sequence[Record]) -> Iterator[Doubt]:
    """Yield the doubts of each session, with its number."""
    for record in records:
        for doubt in record.doubts:
            yield doubt.model_copy(update={"session": record.session})


def null_effect_doubts(
    experiment: Experiment,
    compared: Sequence[Comparison | LevelEffect],
    averaged: Sequence[MainEffect],
) -> Iterator[Doubt]:
    """Yield a doubt for each verdict faster or slower where no effect is expected or possible."""
    moved = [
        (effect, [experiment.arm(name).settings for name in (effect.arm, effect.against)])
        for effect in compared
        if _has_moved(effect) and not is_control_pair(experiment, (effect.arm, effect.against))
    ]
    for effect, arms in moved:
        yield from _null_doubts(experiment, effect, differing_settings(*arms), arms)
    for main_effect in filter(_has_moved, averaged):
        where = main_effect.where.items()
        arms = [experiment.arm(name).settings for name, at in experiment.levels.items() if where <= at.items()]
        yield from _null_doubts(experiment, main_effect, {main_effect.factor}, arms)
    for effect, arms in moved:
        in_network_only = differing_settings(*arms) in ({"network"}, {"network", "network_leg"})
        if in_network_only and not any(is_tcp(arm.transport) or arm.network_leg != "hop" for arm in arms):
            yield Doubt(
                kind="rung-moved-uds",
                arm=effect.arm,
                seen=(
                    f"{effect.arm} is {effect.verdict} than {effect.against} by {percent_with_interval(effect)}, "
                    "although a Unix socket sends no packets through the network."
                ),
                advice=RUNG_ADVICE,
            )


def _has_moved(effect: Comparison | LevelEffect | MainEffect) -> bool:
    return effect.verdict in MOVED and effect.metric in HEADLINE_METRICS


def _null_doubts(
    experiment: Experiment, effect: Comparison | LevelEffect | MainEffect, differing: set[str], arms: Sequence[Settings]
) -> Iterator[Doubt]:
    """Yield the doubt about an effect of `differing` settings, if they were declared or known to have none."""
    if differing <= set(experiment.design.expect_null):
        why = "was declared to have no effect"
    elif differing <= set(experiment.tcp_only) and not any(map(_has_tcp, arms)):
        why = "affects only TCP, and neither arm uses TCP"
    else:
        return
    where = "".join(f", {key} = {level}" for key, level in getattr(effect, "where", {}).items())
    yield Doubt(
        kind="null-moved",
        arm=None if isinstance(effect, MainEffect) else effect.arm,
        seen=(
            f"{effect.arm} is {effect.verdict} than {effect.against}{where}, by {percent_with_interval(effect)}, "
            f"although the setting in which they differ {why}."
        ),
        advice=NULL_ADVICE,
    )


def differing_settings(settings: Settings, other: Settings) -> set[str]:
    """Return the settings and knobs in which two arms differ."""
    return set(varying_keys([settings.flatten(), other.flatten()]))


def _has_tcp(settings: Settings) -> bool:
    """Whether a request uses TCP anywhere from the client to the application."""
    return settings.chain not in BARE_CHAINS or is_tcp(settings.transport)
