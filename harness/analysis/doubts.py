"""Doubts that only the analysis can raise: controls that differ, ladders that do not add up, drift between sessions."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from harness.analysis.contrasts.pairs import is_control_pair
from harness.analysis.failures import answer_changes, describe_failures
from harness.analysis.statistics.inference import MIN_SESSIONS_FOR_INTERVAL
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
SomeEffect = TypeVar("SomeEffect", Comparison, LevelEffect, MainEffect)

BARE_CHAINS = ("app-direct", "floor")  # without nginx, which the client reaches by TCP
MOVED: tuple[Verdict, ...] = ("faster", "slower")
NULL_ADVICE = "Distrust the other effects: find out what else differed, and measure again."


def percent_with_interval(effect: ArmEffect) -> str:
    """Return a text like `+3.00 % (95 % interval +1.00 to +5.00)`."""
    return (
        f"{effect.percent:+.2f} % "
        f"({100 * effect.confidence:.4g} % interval {effect.percent_low:+.2f} to {effect.percent_high:+.2f})"
    )


def _higher_or_lower(comparison: Comparison) -> str:
    return "lower" if comparison.verdict == "faster" else "higher"


def differing_controls(experiment: Experiment, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons in which a control differs from its arm."""
    return [
        comparison
        for comparison in comparisons
        if comparison.verdict in ("faster", "slower")
        and is_control_pair(experiment, (comparison.arm, comparison.against))
    ]


def control_doubts(differing: Sequence[Comparison]) -> Iterator[Doubt]:
    """Yield a doubt for each metric on which the control differs."""
    for comparison in differing:
        yield Doubt(
            kind="control",
            arm=comparison.arm,
            seen=(
                f"The control is {comparison.against} a second time (an A/A test), but its "
                f"{METRICS[comparison.metric].label} is {_higher_or_lower(comparison)}: "
                f"{percent_with_interval(comparison)}."
            ),
            advice=(
                f"Trust no difference of this size in {METRICS[comparison.metric].label}; quiet the machine and "
                "measure again."
            ),
        )


def failed_doubts(failed: Mapping[str, Mapping[str, int]]) -> Iterator[Doubt]:
    """Yield a doubt for each arm with failed requests."""
    for arm, kinds in failed.items():
        yield Doubt(
            kind="failed",
            arm=arm,
            seen=f"{describe_failures(kinds)}.",
            advice="Read the logs of its stack and fix the cause: an arm with failed requests has no verdict.",
        )


def changed_doubts(records: Sequence[Record]) -> Iterator[Doubt]:
    """Yield a doubt for each arm whose answer changed between sessions."""
    for arm, session, change in answer_changes(sorted(records, key=lambda record: record.session)):
        yield Doubt(
            kind="answers",
            session=session,
            arm=arm,
            seen=f"Its answer changed since the run began: {change}.",
            advice="Find out what changed it, and measure again: sessions with different answers have no common mean.",
        )


def incomplete_doubts(sessions: int, planned_sessions: int, directory: str) -> Iterator[Doubt]:
    """Yield a doubt if sessions are missing."""
    needed = max(planned_sessions, MIN_SESSIONS_FOR_INTERVAL)
    if sessions < needed:
        yield Doubt(
            kind="incomplete",
            seen=f"{sessions} of {needed} sessions were measured.",
            advice=f"Continue with barehop run --resume {shlex.quote(directory)}.",
        )


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


def left_out_doubts(experiment: Experiment) -> Iterator[Doubt]:
    """Yield a doubt for each reason why arms were left out."""
    for sentence in sentences_on_arms(experiment.left_out.items()):
        yield Doubt(
            kind="left-out",
            seen=sentence,
            advice="The other arms were measured. Arms above a missing rung are compared with the rung below it.",
        )


def service_doubts(experiment: Experiment) -> Iterator[Doubt]:
    """Yield a doubt if any arm has a url."""
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


def rung_doubts(
    experiment: Experiment, comparisons: Sequence[Comparison], levels: Sequence[LevelEffect] = ()
) -> Iterator[Doubt]:
    """Yield a doubt for each network rung on the hop with the verdict faster or slower for a Unix socket."""
    effects: list[Comparison | LevelEffect] = [*comparisons, *levels]
    for effect in effects:
        moved = effect.verdict in MOVED and effect.metric in HEADLINE_METRICS
        if (
            moved
            and not is_control_pair(experiment, (effect.arm, effect.against))
            and _differ_in_network(experiment, effect)
        ):
            yield _rung_doubt(effect)


def _differ_in_network(experiment: Experiment, effect: Comparison | LevelEffect) -> bool:
    arms = [experiment.arm(name).settings for name in (effect.arm, effect.against)]
    return all(map(_has_socket, arms)) and differing_settings(*arms) in ({"network"}, {"network", "network_leg"})


def _has_socket(settings: Settings) -> bool:
    """Whether the hop is a Unix socket and the rung lies on the hop."""
    return not is_tcp(settings.transport) and settings.network_leg == "hop"


def _rung_doubt(effect: Comparison | LevelEffect) -> Doubt:
    return Doubt(
        kind="rung-moved-uds",
        arm=effect.arm,
        seen=(
            f"{effect.arm} is {effect.verdict} than {effect.against} by {percent_with_interval(effect)}, "
            "although a Unix socket sends no packets through the network."
        ),
        advice=RUNG_ADVICE,
    )


def negative_control_doubts(
    experiment: Experiment,
    comparisons: Sequence[Comparison],
    levels: Sequence[LevelEffect],
    averaged: Sequence[MainEffect],
) -> Iterator[Doubt]:
    """Yield a doubt for each verdict faster or slower where no effect is expected or possible."""
    effects: list[Comparison | LevelEffect] = [*_moved_effects(comparisons), *_moved_effects(levels)]
    for effect in effects:
        if not is_control_pair(experiment, (effect.arm, effect.against)):
            arms = [experiment.arm(name).settings for name in (effect.arm, effect.against)]
            yield from _doubts(experiment, effect, differing_settings(*arms), arms)
    for main_effect in _moved_effects(averaged):
        arms = [
            experiment.arm(name).settings
            for name, at in experiment.levels.items()
            if main_effect.where.items() <= at.items()
        ]
        yield from _doubts(experiment, main_effect, {main_effect.factor}, arms)


def _moved_effects(effects: Sequence[SomeEffect]) -> list[SomeEffect]:
    return [effect for effect in effects if effect.verdict in MOVED and effect.metric in HEADLINE_METRICS]


def _doubts(
    experiment: Experiment, effect: Comparison | LevelEffect | MainEffect, differing: set[str], arms: Sequence[Settings]
) -> Iterator[Doubt]:
    if differing <= set(experiment.design.expect_null):
        yield _null_doubt(effect, "was declared to have no effect")
    elif differing <= set(experiment.tcp_only) and not any(map(_has_tcp, arms)):
        yield _null_doubt(effect, "affects only TCP, and neither arm uses TCP")


def _null_doubt(effect: Comparison | LevelEffect | MainEffect, why: str) -> Doubt:
    where = "".join(f", {key} = {level}" for key, level in getattr(effect, "where", {}).items())
    return Doubt(
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
