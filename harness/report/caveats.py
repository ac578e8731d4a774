"""What limits an answer: doubts, undecided comparisons, and the budget that would decide."""

from collections.abc import Mapping, Sequence

from harness.analysis.between_runs.reliability import UNRELIABLE
from harness.experiment.schedule import Forecast
from harness.model import (
    MACHINE_STATE,
    METRICS,
    OUT_OF_TIME,
    Comparison,
    Design,
    Doubt,
    Experiment,
    MainEffect,
    Schedule,
    Summary,
)
from harness.model.base import Verdict
from harness.report.document import ReportedDoubt
from harness.report.format import (
    UNKNOWN,
    ReportedInterval,
    direction_phrase,
    format_duration,
    format_p,
    format_significant,
    is_too_wide,
    join_with_and,
    percent_interval,
    percent_with_interval,
    pluralize,
    size_with_interval,
    verdict_word,
)
from harness.report.select import (
    control_comparisons,
    depends_on_state,
    has_verdict,
    headline_metric,
    holm_comparison_count,
    is_kept_undecided_by_holm,
    main_comparisons,
    main_effects,
)

CONTROL_DIFFERS = (
    "The A/A control differs: {name}, measured again as {arm}, is {direction} than itself {size}, so a difference of "
    "that size means nothing here."
)
CONTROL_SENTENCES: Mapping[Verdict | None, str] = {
    "faster": CONTROL_DIFFERS,
    "slower": CONTROL_DIFFERS,
    "equivalent": "The A/A control ({name} vs. {name}) shows no difference: {interval}.",
    "undecided": "The A/A control ({name} vs. {name}) could not be shown equal: {interval}.",
}
MAX_LISTED_SESSIONS = 4  # sessions that are listed by number
NOISE_DOUBTS = ("steal", "busy", "preempted", "pressure", "throttled", "frequency", "swap", "containers")


def validity_warnings(summary: Summary) -> list[str]:
    """Return why the result as a whole is not valid; empty if it is valid."""
    return _faults(summary) or ([] if summary.valid else ["The doubts say why."])


def reliability_warning(summary: Summary) -> str:
    """Return `Not valid: ...` or `Not reliable: ...` with what not to use, and the reasons; or nothing.

    A result is not reliable if its control could not be shown equal, if the run ended before its plan was done, or if
    an effect depends on the machine's state.
    """
    doubts = [doubt.seen for doubt in summary.doubts if doubt.kind in UNRELIABLE]
    reasons = [*_faults(summary), *doubts, *control_sentences(summary, "undecided")] or validity_warnings(summary)
    if not reasons:
        return ""
    state, use = ("reliable", _reliable_use(summary)) if summary.valid else ("valid", _valid_use(summary))
    return " ".join([f"Not {state}: {use}.", *reasons])


def _valid_use(summary: Summary) -> str:
    """Return when the numbers of an invalid result could be used."""
    conditions = {
        "the control shows no difference": control_sentences(summary, "faster", "slower"),
        "no request fails": any(arm.failed for arm in summary.arms.values()),
        "all sessions are measured": summary.sessions < summary.planned_sessions,
    }
    unmet = [condition for condition, is_unmet in conditions.items() if is_unmet]
    return f"do not use the numbers below until {join_with_and(unmet) if unmet else 'the doubts are solved'}"


def _reliable_use(summary: Summary) -> str:
    """Return what of a valid, but not reliable result is not to be used."""
    kinds = {doubt.kind for doubt in summary.doubts}
    controls = [control for control in control_comparisons(summary) if control.verdict == "undecided"]
    ends = [abs(end) for control in controls if (estimate := percent_interval(control)) for end in estimate.ends]
    uses = {
        "do not use the averages below, they hold only for this mixture of states": MACHINE_STATE in kinds,
        "the numbers below are a first impression, do not decide by them": OUT_OF_TIME in kinds,
        f"trust no difference below {format_significant(max(ends, default=0), 2)} %": ends,
    }
    return "; ".join(use for use, holds in uses.items() if holds)


def brief_unreliability(summary: Summary) -> list[str]:
    """Return why a valid result is not reliable, without numbers of effects."""
    reasons = [doubt.seen.partition(":")[0].rstrip(".") for doubt in summary.doubts if doubt.kind in UNRELIABLE]
    return [*(f"{reason}." for reason in reasons), *control_sentences(summary, "undecided")]


def _faults(summary: Summary) -> list[str]:
    faults = control_sentences(summary, "faster", "slower")
    failed = [f"{arm.failed} of {name}" for name, arm in summary.arms.items() if arm.failed]
    if failed:
        faults.append(f"Requests failed: {join_with_and(failed)}. An arm with failed requests has no verdict.")
    if not summary.valid and summary.sessions < summary.planned_sessions:
        were = "was" if summary.sessions == 1 else "were"
        planned = pluralize(summary.planned_sessions, "session")
        faults.append(f"Only {summary.sessions} of {planned} {were} measured. Resume the run to measure the rest.")
    return faults


def control_sentences(summary: Summary, *verdicts: Verdict) -> list[str]:
    """Return a sentence for each control with one of the `verdicts`."""
    return [
        CONTROL_SENTENCES[control.verdict].format(
            arm=control.arm,
            name=control.against,
            direction=direction_phrase(control.verdict or "", control.metric),
            size=size_with_interval(estimate),
            interval=percent_with_interval(estimate),
        )
        for control in control_comparisons(summary)
        if control.verdict in verdicts and (estimate := percent_interval(control))
    ]


def contradictions(summary: Summary) -> list[str]:
    """Return a sentence for each arm whose mean or CPU time contradicts its typical request."""
    return [
        f"{METRICS[latency.metric].title} of {latency.arm} is {verdict_word(latency.verdict or '', latency.metric)}, "
        f"but {_contradiction(other, estimate)}."
        for latency in main_comparisons(summary)
        for other in summary.comparisons
        if (other.arm, other.against) == (latency.arm, latency.against)
        and {latency.verdict, other.verdict} == {"faster", "slower"}
        and (estimate := percent_interval(other))
    ]


def _contradiction(other: Comparison, estimate: ReportedInterval) -> str:
    metric, size = METRICS[other.metric], f"{percent_with_interval(estimate)} against {other.against}"
    return f"{metric.higher if estimate.value > 0 else metric.lower}: {size}{metric.opposed}"


def missing_numbers(summary: Summary) -> list[str]:
    """Return why numbers are not shown. Arms with failed requests are left out: a warning explains those."""
    arms = {name: arm for name, arm in summary.arms.items() if not arm.failed}
    if headline_metric(summary) == "capacity":
        return []  # the section on capacities says what was not found
    measured = {name: arm for name, arm in arms.items() if arm.mean_us is not None}
    reasons = {
        "No result for {}: it has no timed requests.": [name for name in arms if name not in measured],
        "requests/s not shown for {}: the client was the bottleneck, not the servers.": [
            name for name, arm in measured.items() if arm.requests_per_s is None
        ],
        "p99 not shown for {}: fewer than 10 requests exceed it.": [
            name for name, arm in measured.items() if arm.p99_us is None
        ],
        "CPU time not shown for {}: its processes could not be read.": [
            name for name, arm in measured.items() if not arm.cpu_us and "url" not in arm.settings
        ],
        "CPU time not shown for {}: set pids or cgroup to name the processes behind the url.": [
            name for name, arm in measured.items() if not arm.cpu_us and "url" in arm.settings
        ],
    }
    return [
        sentence.format("any arm" if len(names) == len(summary.arms) else join_with_and(names))
        for sentence, names in reasons.items()
        if names
    ]


def holm_note(summary: Summary) -> str:
    """Return a sentence on comparisons that are undecided only because of Holm's correction, or nothing."""
    kept = [c for c in main_comparisons(summary) if is_kept_undecided_by_holm(summary, c)]
    if not kept:
        return ""
    names, over = join_with_and([c.arm for c in kept]), pluralize(holm_comparison_count(summary), "comparison")
    adjusted = join_with_and([format_p(c.p_adjusted or 0, 1 - c.confidence) for c in kept])
    unadjusted = "unadjusted 95 % interval of" if len(kept) == 1 else "unadjusted 95 % intervals of"
    verb = "excludes" if len(kept) == 1 else "exclude"
    return f"The {unadjusted} {names} {verb} zero, but with Holm's correction for {over} p = {adjusted}: undecided."


def effort_note(summary: Summary, design: Design | None) -> str:
    """Return sessions and time, the achieved precision, the margin and the corrections."""
    effects, _ = main_effects(summary)
    comparisons = holm_comparison_count(summary)
    sentences = [
        effort_clause(summary),
        precision_sentence(summary, design),
        budget_sentence(summary),
        f"Margin of equivalence: {design.equivalence_percent:g} %." if design else "",
        f"Holm's correction for {comparisons} comparisons." if comparisons > 1 else "",
        f"Benjamini and Hochberg's correction for {len(effects)} effects." if len(effects) > 1 else "",
    ]
    return " ".join(filter(None, sentences))


def effort_clause(summary: Summary) -> str:
    """Return `8 of 12 sessions, 7.1 s of measuring in 11 s.`"""
    planned = pluralize(summary.planned_sessions, "session")
    is_short = summary.sessions < summary.planned_sessions
    sessions = f"{summary.sessions} of {planned}" if is_short else pluralize(summary.sessions, "session")
    measuring, total = format_duration(summary.seconds.measuring), format_duration(summary.seconds.total)
    return f"{sessions}, {measuring} of measuring in {total}."


def precision_sentence(summary: Summary, design: Design | None) -> str:
    """Return the half width of the widest interval; empty without any."""
    effects, _ = main_effects(summary)
    shown: Sequence[Comparison | MainEffect] = effects or main_comparisons(summary)
    estimates = [estimate for effect in shown if has_verdict(effect) and (estimate := percent_interval(effect))]
    if not estimates:
        return ""
    target = f" (target ±{design.precision_percent:g} %)" if design else ""
    widest = max(estimates, key=lambda estimate: estimate.half_width)
    width = UNKNOWN if is_too_wide(widest) else f"±{format_significant(widest.half_width, 2)} %"
    return f"Achieved precision: {width}{target}."


def short_budget_warning(experiment: Experiment, forecast: Forecast) -> str:
    """Return a sentence if the shortest useful run takes longer than the budget, else nothing."""
    budget_s, design = experiment.design.budget_s, experiment.design
    if forecast.min_s <= budget_s:
        return ""
    sessions = pluralize(forecast.min_sessions, "session")
    what = f"{sessions}, as design.sessions says," if design.sessions else f"the minimum, {sessions},"
    verb = "take" if design.sessions and forecast.min_sessions > 1 else "takes"
    return (
        f"The budget of {format_duration(budget_s)} is too short: {what} {verb} about {forecast.min_s:.0f} s, "
        "start and "
        "report included. The run takes that long."
    )


def pilot_budget_warning(experiment: Experiment, schedule: Schedule) -> str:
    """Return the same warning after the pilot, from the `schedule` that it gave."""
    budget_s, limit_s = experiment.design.budget_s, schedule.limit_s
    if limit_s is None or limit_s <= budget_s:
        return ""
    sessions, rounds = pluralize(schedule.sessions, "session"), pluralize(schedule.fewest_rounds, "round")
    return (
        f"According to the pilot, {sessions} of {rounds} take about {limit_s:.0f} s; the budget is "
        f"{format_duration(budget_s)}. The run takes that long."
    )


def group_doubts(summary: Summary) -> list[ReportedDoubt]:
    """Return the doubts of the whole run first, then those of sessions, the most frequent first."""
    kinds = dict.fromkeys(doubt.kind for doubt in summary.doubts)
    groups = [[doubt for doubt in summary.doubts if doubt.kind == kind] for kind in kinds]
    groups.sort(key=lambda group: -len(_session_numbers(group)) if _session_numbers(group) else -summary.sessions - 1)
    return [_doubt_group(group, summary) for group in groups]


def _doubt_group(group: Sequence[Doubt], summary: Summary) -> ReportedDoubt:
    first = group[0]
    are_alike = all(doubt.seen == first.seen for doubt in group)
    where = ", ".join(filter(None, (_arm_names(group), _session_phrase(_session_numbers(group), summary.sessions))))
    text = first.seen.rstrip(".")
    return ReportedDoubt(
        first.kind, where, text if are_alike else f"{text}; first of {pluralize(len(group), 'case')}", first.advice
    )


def _session_numbers(group: Sequence[Doubt]) -> list[int]:
    return sorted({doubt.session for doubt in group if doubt.session is not None})


def _arm_names(group: Sequence[Doubt]) -> str:
    arms = list(dict.fromkeys(doubt.arm for doubt in group if doubt.arm and doubt.arm != doubt.kind))
    return join_with_and(arms) if arms else ""


def _session_phrase(sessions: Sequence[int], total: int) -> str:
    """Return `in session 3`, `in sessions 3 and 7` or `in all 12 sessions`; empty for the whole run."""
    if not sessions:
        return ""
    if len(sessions) == total > 1:
        return f"in all {total} sessions"
    if len(sessions) > MAX_LISTED_SESSIONS:
        return f"in {len(sessions)} of {total} sessions"
    return f"in session{'s' if sessions[1:] else ''} {join_with_and([str(number) for number in sessions])}"


def budget_sentence(summary: Summary) -> str:
    """Return the sentence that stands once in a report; empty if nothing is left to do."""
    needed = summary.needed
    if needed is None:
        return ""
    if needed.budget_s is None or depends_on_state(summary):
        what = "a verdict" if needed.goal == "decide" else "the target"
        return f"A longer budget will hardly bring {what} ({_noise_cause(summary)}). {_remedy(summary)} would help."
    what = "would decide what is undecided" if needed.goal == "decide" else "should reach the target"
    return (
        f"About {format_duration(needed.budget_s)} (--budget {needed.budget_s:.0f}) {what}, an estimate from "
        f"{pluralize(summary.sessions, 'session')}."
    )


def _remedy(summary: Summary) -> str:
    if depends_on_state(summary):
        return "A machine that stays in one state"
    return "A quieter machine or fewer arms" if len(main_comparisons(summary)) > 1 else "A quieter machine"


def _noise_cause(summary: Summary) -> str:
    """Return the first doubt that names a source of noise, or else the scatter of the sessions."""
    if depends_on_state(summary):
        return "effects depend on the machine's state"
    noise = next((fold for fold in group_doubts(summary) if fold.kind in NOISE_DOUBTS), None)
    return f"{noise.kind}: {noise.seen}" if noise else "the sessions vary more than a longer run could average"
