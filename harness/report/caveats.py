"""Says what a reader must know before the answer is believed, and what qualifies it, a sentence each."""

from collections.abc import Iterator

from harness.model import HEADLINE, OUT_OF_TIME, Comparison, Design, Summary
from harness.report.factors.screen import main_effects
from harness.report.prescription import prescription
from harness.report.selection import compared, controls, has_verdict, headline
from harness.report.wording import Estimate, by, counted, difference, duration, listed, p_value, percent_of, rounded


def warnings(summary: Summary) -> list[str]:
    """Why the result as a whole is not to be trusted; empty when it is."""
    return _faults(summary) or ([] if summary.valid else ["The doubts say why."])


def first_line(summary: Summary) -> str:
    """What stands before the answer: `Not valid. ...`, `Not sure. ...`, or nothing.

    A result is not sure when nobody can say that its control is the same, or when time ended it too early.
    """
    told = [*_faults(summary), *_early_end(summary), *_open_controls(summary)] or warnings(summary)
    return " ".join(["Not sure." if summary.valid else "Not valid.", *told]) if told else ""


def _faults(summary: Summary) -> list[str]:
    return [*_differing_controls(summary), *_failed_requests(summary), *_missing_sessions(summary)]


def _differing_controls(summary: Summary) -> Iterator[str]:
    for control in controls(summary):
        estimate = percent_of(control)
        if estimate and control.verdict in ("faster", "slower"):
            yield (
                f"The control differs: {control.against}, measured a second time as {control.arm}, came out "
                f"{control.verdict} than itself {by(estimate)}, so a difference of that size means nothing here."
            )


def _open_controls(summary: Summary) -> Iterator[str]:
    for control in controls(summary):
        estimate = percent_of(control)
        if estimate and control.verdict == "undecided":
            yield f"The control, {control.against} a second time, is undecided: {difference(estimate)}."


def _early_end(summary: Summary) -> Iterator[str]:
    yield from (doubt.seen for doubt in summary.doubts if doubt.kind == OUT_OF_TIME)


def _failed_requests(summary: Summary) -> Iterator[str]:
    failed = [f"{arm.failed} of {name}" for name, arm in summary.arms.items() if arm.failed]
    if failed:
        yield f"Requests failed: {listed(failed)}. An arm with failed requests has no verdict."


def _missing_sessions(summary: Summary) -> Iterator[str]:
    if not summary.valid and summary.sessions < summary.planned_sessions:
        were = "was" if summary.sessions == 1 else "were"
        planned = counted(summary.planned_sessions, "session")
        yield f"Only {summary.sessions} of {planned} {were} measured; resuming the run measures the rest."


def disagreements(summary: Summary) -> list[str]:
    """Where the mean or the CPU time points the other way than the typical request."""
    return [
        f"The typical request of {latency.arm} is {latency.verdict}, but {_but(other, estimate)}."
        for latency in compared(summary)
        for other in summary.comparisons
        if (other.arm, other.against) == (latency.arm, latency.against)
        and {latency.verdict, other.verdict} == {"faster", "slower"}
        and (estimate := percent_of(other))
    ]


def _but(other: Comparison, estimate: Estimate) -> str:
    seen = f"{difference(estimate)} against {other.against}"
    if other.metric == "cpu":
        return f"it takes {'more' if estimate.value > 0 else 'less'} CPU time: {seen}"
    return f"its mean is {other.verdict}: {seen}. A few requests far from the typical one decide that"


def absences(summary: Summary) -> list[str]:
    """Why a number of an arm is not shown; an arm whose requests failed is explained by the warning."""
    arms = {name: arm for name, arm in summary.arms.items() if not arm.failed}
    if headline(summary) == "capacity":
        return []  # the section on capacities says what was not found
    measured = {name: arm for name, arm in arms.items() if arm.mean_us is not None}
    reasons = {
        "Nothing was measured of {}.": [name for name in arms if name not in measured],
        "No requests/s for {}: the client set the pace, not the servers.": [
            name for name, arm in measured.items() if arm.requests_per_s is None
        ],
        "No p99 for {}: fewer than 10 requests of a session lie beyond it.": [
            name for name, arm in measured.items() if arm.p99_us is None
        ],
        "No CPU time for {}: its processes could not be read.": [
            name for name, arm in measured.items() if not arm.cpu_us and "url" not in arm.settings
        ],
        "No CPU time for {}: neither pids nor cgroup says who is behind the url.": [
            name for name, arm in measured.items() if not arm.cpu_us and "url" in arm.settings
        ],
    }
    return [
        sentence.format("any arm" if len(names) == len(summary.arms) else listed(names))
        for sentence, names in reasons.items()
        if names
    ]


def kept_undecided(summary: Summary, comparison: Comparison) -> bool:
    """Whether the 95 % interval excludes zero and only Holm's correction keeps the verdict open."""
    estimate = percent_of(comparison)
    if estimate is None or comparison.verdict != "undecided" or holm_comparisons(summary) < 2:
        return False
    return estimate.excludes_zero and (comparison.p_adjusted or 0) >= 1 - comparison.confidence


def holm_comparisons(summary: Summary) -> int:
    """How many comparisons of the typical request Holm's correction was made over."""
    return sum(c.metric in HEADLINE and c.p_adjusted is not None for c in summary.comparisons)


def holm_note(summary: Summary) -> str:
    """Names what Holm's correction keeps undecided; empty when it keeps nothing."""
    kept = [c for c in compared(summary) if kept_undecided(summary, c)]
    if not kept:
        return ""
    seen = listed([f"{c.arm} (adjusted p {p_value(c.p_adjusted or 0, 1 - c.confidence)})" for c in kept])
    over, verb = counted(holm_comparisons(summary), "comparison"), "stays" if len(kept) == 1 else "stay"
    alone = "by itself" if len(kept) == 1 else "by themselves"
    return (
        f"{seen} {verb} undecided with Holm's correction over {over}; {alone} the unadjusted 95 % "
        f"{'interval excludes' if len(kept) == 1 else 'intervals exclude'} zero."
    )


def effort(summary: Summary, design: Design | None) -> str:
    """What was spent, what precision that gave, and by which rules the verdicts were made."""
    seconds = summary.seconds
    spent = f"{duration(seconds.measuring)} of measuring in {duration(seconds.total)}"
    parts = [f"{_sessions(summary)}, {spent}.", *_precision(summary, design), *filter(None, [prescription(summary)])]
    if design:
        parts.append(f"Equivalent means within {design.equivalence_percent:g} %.")
    return " ".join([*parts, *_corrections(summary)])


def _corrections(summary: Summary) -> Iterator[str]:
    if holm_comparisons(summary) > 1:
        yield f"Holm's correction over {counted(holm_comparisons(summary), 'comparison')}."
    effects, _ = main_effects(summary)
    if len(effects) > 1:
        yield f"Benjamini and Hochberg's over {counted(len(effects), 'effect')}."


def _sessions(summary: Summary) -> str:
    planned = counted(summary.planned_sessions, "session")
    missing = summary.sessions < summary.planned_sessions
    return f"{summary.sessions} of {planned}" if missing else counted(summary.sessions, "session")


def _precision(summary: Summary, design: Design | None) -> Iterator[str]:
    """Of what the run asks and may stop for: the effects of a screen, else the comparisons but for the control's."""
    effects, _ = main_effects(summary)
    estimates = [percent_of(one) for one in effects or compared(summary) if has_verdict(one)]
    widths = [estimate.half_width for estimate in estimates if estimate]
    if not widths:
        return
    got = f"The widest interval{' of an effect' if effects else ''} is ±{rounded(max(widths), 2)} %"
    if design is None:
        yield f"{got}."
        return
    asked = design.precision_percent
    if max(widths) <= asked:
        yield f"{got} (±{asked:g} % was asked)."
        return
    yield f"{got} where ±{asked:g} % was asked."
