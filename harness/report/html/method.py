"""The measurement method of a run, explained term by term."""

from collections.abc import Iterator, Mapping, Sequence

from harness.model import Pilot, Plan, Schedule, Summary
from harness.report.arrangement import MIN_GAIN, OUR_CLIENT
from harness.report.wording import capitalized, counted, listed

CpusByArm = Mapping[str, Mapping[str, Sequence[int]]]  # CPUs by arm and role


def method_facts(summary: Summary, plan: Plan, cpus: CpusByArm) -> list[tuple[str, str]]:
    """Return (term, explanation) in the order of the run."""
    schedule, design = plan.schedule, plan.experiment.design
    facts = {
        "Session": f"A restart of the whole stack: the unit of the statistics. {schedule.sessions} were planned.",
        "Round": f"Every arm is visited once, in random order (seed {design.seed}). A session has {schedule.rounds}.",
        "Visit": f"{_visit_text(plan)}.",
        "Lengths": f"{capitalized(schedule.reason)}.",
        "Pilot": _pilot_text(plan.pilot) if plan.pilot else "",
        "Stopping": _stopping_text(summary, plan),
        "CPUs": "; ".join(_placements(cpus)),
        "Difference": "Ratio of two neighbouring visits: the median over the rounds of a session, then the mean over "
        "sessions with Student's t. Negative is faster.",
        "Verdict": f"Equivalent if the 90 % interval lies within {design.equivalence_percent:g} %; faster or slower "
        f"if the interval excludes zero, after {_correction_name(summary)}; otherwise undecided.",
    }
    return [(word, text) for word, text in facts.items() if text]


def _visit_text(plan: Plan) -> str:
    tools = dict.fromkeys(arm.settings.tool for arm in plan.experiment.arms)
    return " or ".join(_visit_of_tool(tool, plan.schedule) for tool in tools)


def _visit_of_tool(tool: str, schedule: Schedule) -> str:
    warm_up = counted(schedule.settle, "warm-up request")
    if tool == OUR_CLIENT:
        return f"{warm_up}, then {counted(schedule.burst, 'timed request')}, one after the other"
    return f"{warm_up}, then one run of {tool}"


def _pilot_text(pilot: Pilot) -> str:
    expected = (
        f"{counted(pilot.requests, 'request')} before the run; expected precision ±{pilot.half_width_percent:.2g} %"
    )
    if pilot.gain < MIN_GAIN:
        return f"{expected}, the same as when running one arm after the other."
    return f"{expected}, {pilot.gain:.2g} times narrower than when running one arm after the other in the same time."


def _stopping_text(summary: Summary, plan: Plan) -> str:
    """Return when the run may stop: all looks together keep the 95 % coverage."""
    if len(plan.schedule.looks) < 2:
        return ""
    looks = listed([str(look) for look in plan.schedule.looks])
    confidence = max((comparison.confidence for comparison in summary.comparisons), default=0.95)
    intervals = "the interval of every effect" if summary.main_effects else "every interval"
    return (
        f"After {looks} sessions, as soon as {intervals} is within ±{plan.experiment.design.precision_percent:g} %. "
        f"To allow for several looks, the intervals are computed at {100 * confidence:.3g} %."
    )


def _correction_name(summary: Summary) -> str:
    holm = "Holm's correction"
    return f"{holm} (effects of a screen: Benjamini and Hochberg's)" if summary.main_effects else holm


def _placements(cpus: CpusByArm) -> Iterator[str]:
    """Yield the CPUs of each role, once for arms with the same placement."""
    texts = {
        arm: ", ".join(f"{role} on {_cpu_numbers(on)}" for role, on in roles.items()) for arm, roles in cpus.items()
    }
    for text in dict.fromkeys(filter(None, texts.values())):
        arms = [arm for arm, placed in texts.items() if placed == text]
        yield text if len(arms) == len(texts) else f"{listed(arms)}: {text}"


def _cpu_numbers(cpus: Sequence[int]) -> str:
    return f"CPU {cpus[0]}" if len(cpus) == 1 else f"CPUs {listed([str(cpu) for cpu in cpus])}"
