"""Says how a result was measured, to somebody who has never seen one."""

from collections.abc import Iterator, Mapping, Sequence

from harness.model import Pilot, Plan, Schedule, Summary
from harness.report.arrangement import OUR_CLIENT
from harness.report.wording import counted, listed

Cpus = Mapping[str, Mapping[str, Sequence[int]]]  # per arm and role


def method_facts(summary: Summary, plan: Plan, cpus: Cpus) -> list[tuple[str, str]]:
    """(word, what it means here), in the order in which things happened."""
    schedule, design = plan.schedule, plan.experiment.design
    facts = {
        "Session": f"A fresh start of everything; the interval counts these. {schedule.sessions} were planned.",
        "Round": f"Every arm is visited once, in random order (seed {design.seed}). A session has {schedule.rounds}.",
        "Visit": f"{_visit(plan)}.",
        "Lengths": f"{schedule.reason[:1].upper()}{schedule.reason[1:]}.",
        "Pilot": _pilot(plan.pilot) if plan.pilot else "",
        "Stopping": _stopping(summary, plan),
        "CPUs": "; ".join(_placements(cpus)),
        "Difference": "Of neighbouring visits: in each session the median over rounds of the ratio of two visits, "
        "then the mean over sessions with Student's t. Negative is faster.",
        "Verdict": f"Equivalent when the 90 % interval lies within {design.equivalence_percent:g} %; faster or slower "
        f"when the interval excludes zero, after {_correction(summary)}; otherwise undecided.",
    }
    return [(word, text) for word, text in facts.items() if text]


def _visit(plan: Plan) -> str:
    tools = dict.fromkeys(arm.settings.tool for arm in plan.experiment.arms)
    return " or ".join(_visit_by(tool, plan.schedule) for tool in tools)


def _visit_by(tool: str, schedule: Schedule) -> str:
    untimed = counted(schedule.settle, "untimed request")
    if tool == OUR_CLIENT:
        return f"{untimed}, then {counted(schedule.burst, 'timed request')}, one after the other"
    return f"{untimed}, then one run of {tool}"


def _pilot(pilot: Pilot) -> str:
    promised = (
        f"{counted(pilot.requests, 'request')} beforehand promised intervals of ±{pilot.half_width_percent:.2g} %"
    )
    if pilot.gain < 1.1:
        return f"{promised}; measuring one arm after the other would do as well."
    return f"{promised}; with one arm after the other they would be {pilot.gain:.2g} times as wide in the same time."


def _stopping(summary: Summary, plan: Plan) -> str:
    """The intervals of all looks together hold the truth in 95 % of runs, each by itself in more."""
    if len(plan.schedule.looks) < 2:
        return ""
    looks = listed([str(look) for look in plan.schedule.looks])
    confidence = max((comparison.confidence for comparison in summary.comparisons), default=0.95)
    intervals = "the interval of every effect" if summary.main_effects else "every interval"
    return (
        f"After {looks} sessions, as soon as {intervals} is within ±{plan.experiment.design.precision_percent:g} %. "
        f"So that several looks cost no certainty, the intervals are as wide as those of {100 * confidence:.3g} %."
    )


def _correction(summary: Summary) -> str:
    holm = "Holm's correction"
    return f"{holm}, of a screen's effects that of Benjamini and Hochberg" if summary.main_effects else holm


def _placements(cpus: Cpus) -> Iterator[str]:
    """Who runs where, once for arms that are placed alike."""
    texts = {arm: ", ".join(f"{role} on {_numbers(on)}" for role, on in roles.items()) for arm, roles in cpus.items()}
    for text in dict.fromkeys(filter(None, texts.values())):
        arms = [arm for arm, placed in texts.items() if placed == text]
        yield text if len(arms) == len(texts) else f"{listed(arms)}: {text}"


def _numbers(cpus: Sequence[int]) -> str:
    return f"CPU {cpus[0]}" if len(cpus) == 1 else f"CPUs {listed([str(cpu) for cpu in cpus])}"
