"""Warnings about a result, and notes that qualify it, one sentence each."""

from collections.abc import Iterator

from harness.model import OUT_OF_TIME, Comparison, Design, Summary
from harness.report.prescription import prescription
from harness.report.selection import (
    compared,
    controls,
    has_verdict,
    headline,
    holm_comparisons,
    kept_undecided,
    main_effects,
)
from harness.report.wording import Estimate, by, counted, difference, duration, listed, p_value, percent_of, rounded


def warnings(summary: Summary) -> list[str]:
    """Return why the result as a whole is not valid; empty if it is valid."""
    return _faults(summary) or ([] if summary.valid else ["The doubts say why."])


def first_line(summary: Summary) -> str:
    """Return `Not valid. ...` or `Not reliable. ...` with the reasons, or nothing.

    A result is not reliable if its control could not be shown equal, or if the run ended before its plan was done.
    """
    reasons = [*_faults(summary), *_early_end(summary), *_open_controls(summary)] or warnings(summary)
    return " ".join(["Not reliable." if summary.valid else "Not valid.", *reasons]) if reasons else ""


def _faults(summary: Summary) -> list[str]:
    return [*_differing_controls(summary), *_failed_requests(summary), *_missing_sessions(summary)]


def _differing_controls(summary: Summary) -> Iterator[str]:
    for control in controls(summary):
        estimate = percent_of(control)
        if estimate and control.verdict in ("faster", "slower"):
            yield (
                f"The A/A control differs: {control.against}, measured again as {control.arm}, is {control.verdict} "
                f"than itself {by(estimate)}, so a difference of that size means nothing here."
            )


def _open_controls(summary: Summary) -> Iterator[str]:
    for control in controls(summary):
        estimate = percent_of(control)
        name = control.against
        if estimate and control.verdict == "undecided":
            yield f"The A/A control ({name} vs. {name}) could not be shown equal: {difference(estimate)}."


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
        yield f"Only {summary.sessions} of {planned} {were} measured. Resume the run to measure the rest."


def disagreements(summary: Summary) -> list[str]:
    """Return a sentence for each arm whose mean or CPU time contradicts its typical request."""
    return [
        f"The typical request of {latency.arm} is {latency.verdict}, but {_contradiction(other, estimate)}."
        for latency in compared(summary)
        for other in summary.comparisons
        if (other.arm, other.against) == (latency.arm, latency.against)
        and {latency.verdict, other.verdict} == {"faster", "slower"}
        and (estimate := percent_of(other))
    ]


def _contradiction(other: Comparison, estimate: Estimate) -> str:
    size = f"{difference(estimate)} against {other.against}"
    if other.metric == "cpu":
        return f"it takes {'more' if estimate.value > 0 else 'less'} CPU time: {size}"
    return f"its mean is {other.verdict}: {size}. A few very slow or fast requests cause that"


def absences(summary: Summary) -> list[str]:
    """Return why numbers are not shown. Arms with failed requests are left out: a warning explains those."""
    arms = {name: arm for name, arm in summary.arms.items() if not arm.failed}
    if headline(summary) == "capacity":
        return []  # the section on capacities says what was not found
    measured = {name: arm for name, arm in arms.items() if arm.mean_us is not None}
    reasons = {
        "No result for {}: it has no timed requests.": [name for name in arms if name not in measured],
        "requests/s not shown for {}: the client was the bottleneck, not the servers.": [
            name for name, arm in measured.items() if arm.requests_per_s is None
        ],
        "p99 not shown for {}: fewer than 10 requests per session exceed it.": [
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
        sentence.format("any arm" if len(names) == len(summary.arms) else listed(names))
        for sentence, names in reasons.items()
        if names
    ]


def holm_note(summary: Summary) -> str:
    """Return a sentence on what only Holm's correction keeps undecided, or nothing."""
    kept = [c for c in compared(summary) if kept_undecided(summary, c)]
    if not kept:
        return ""
    names, over = listed([c.arm for c in kept]), counted(holm_comparisons(summary), "comparison")
    adjusted = listed([p_value(c.p_adjusted or 0, 1 - c.confidence) for c in kept])
    unadjusted = "unadjusted 95 % interval of" if len(kept) == 1 else "unadjusted 95 % intervals of"
    verb = "excludes" if len(kept) == 1 else "exclude"
    return f"The {unadjusted} {names} {verb} zero, but with Holm's correction for {over} p = {adjusted}: undecided."


def effort(summary: Summary, design: Design | None) -> str:
    """Return sessions and time, the achieved precision, the margin and the corrections."""
    seconds = summary.seconds
    spent = f"{duration(seconds.measuring)} of measuring in {duration(seconds.total)}"
    parts = [
        f"{_session_count(summary)}, {spent}.",
        *_precision(summary, design),
        *filter(None, [prescription(summary)]),
    ]
    if design:
        parts.append(f"Margin of equivalence: {design.equivalence_percent:g} %.")
    return " ".join([*parts, *_corrections(summary)])


def _corrections(summary: Summary) -> Iterator[str]:
    if holm_comparisons(summary) > 1:
        yield f"Holm's correction for {counted(holm_comparisons(summary), 'comparison')}."
    effects, _ = main_effects(summary)
    if len(effects) > 1:
        yield f"Benjamini and Hochberg's correction for {counted(len(effects), 'effect')}."


def _session_count(summary: Summary) -> str:
    planned = counted(summary.planned_sessions, "session")
    missing = summary.sessions < summary.planned_sessions
    return f"{summary.sessions} of {planned}" if missing else counted(summary.sessions, "session")


def _precision(summary: Summary, design: Design | None) -> Iterator[str]:
    """Yield the widest interval of a screen's effects, or else of the comparisons without the controls."""
    effects, _ = main_effects(summary)
    estimates = [percent_of(effect) for effect in effects or compared(summary) if has_verdict(effect)]
    widths = [estimate.half_width for estimate in estimates if estimate]
    if not widths:
        return
    target = f" (target ±{design.precision_percent:g} %)" if design else ""
    yield f"Achieved precision: ±{rounded(max(widths), 2)} %{target}."
