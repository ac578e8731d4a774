"""Results for continuous integration: JUnit XML, GitHub's annotations, and the files of two trackers of benchmarks."""

import json
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from harness.model import METRICS, Comparison, Summary
from harness.report.commands.gate import Gate, GateCheck, is_failure
from harness.report.format import ReportedInterval, percent_interval
from harness.report.select import is_control

DECIMALS = 3
MESSAGE_ESCAPES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})  # of GitHub's workflow commands


def render_junit(runs: Sequence[Summary], checks: Sequence[GateCheck], gate: Gate) -> str:
    """Return JUnit XML: a test case for each comparison and metric; what is undecided is skipped unless it fails.

    Its properties are the ids of the runs.
    """
    experiment = runs[-1].experiment
    failures = sum(is_failure(check, gate) for check in checks)
    skipped = sum(check.state == "undecided" and not is_failure(check, gate) for check in checks)
    counts = {"tests": len(checks), "failures": failures, "errors": 0, "skipped": skipped}
    suite = Element("testsuite", {"name": experiment} | {name: str(count) for name, count in counts.items()})
    properties = SubElement(suite, "properties")
    for number, run in enumerate(runs, start=1):
        SubElement(properties, "property", name=f"run {number}", value=run.id)
    for check in checks:
        change = check.change
        name = f"{change.arm} against {change.against}, run {change.run}"
        case = SubElement(suite, "testcase", classname=f"{experiment}.{change.metric}", name=name)
        if is_failure(check, gate):
            SubElement(case, "failure", type=check.state, message=check.text)
        elif check.state == "undecided":
            SubElement(case, "skipped", message=check.text)
        else:
            SubElement(case, "system-out").text = check.text
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def annotations(checks: Sequence[GateCheck], gate: Gate) -> Iterator[str]:
    """Yield GitHub's workflow commands: an error for each failure, a warning for what is undecided."""
    for check in checks:
        if check.state != "pass":
            kind = "error" if is_failure(check, gate) else "warning"
            yield f"::{kind} title=barehop gate::{check.text.translate(MESSAGE_ESCAPES)}"


def render_action_benchmark(summary: Summary) -> str:
    """Return the JSON of github-action-benchmark, for its tool customSmallerIsBetter."""
    entries = [
        {
            "name": f"{_name(summary, comparison)}, {METRICS[comparison.metric].label}",
            "unit": "% of the reference",
            "value": ratio.value,
            "range": f"± {round(ratio.half_width, DECIMALS)}",
            "extra": f"{100 * comparison.confidence:.3g} % interval: {ratio.low} to {ratio.high}\nresult {summary.id}",
        }
        for comparison, ratio in _ratios(summary)
    ]
    return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"


def render_bencher(summary: Summary) -> str:
    """Return the JSON of Bencher's metric format: a benchmark for each comparison, a measure for each metric."""
    benchmarks: dict[str, dict[str, dict[str, float]]] = {}
    for comparison, ratio in _ratios(summary):
        values = {"value": ratio.value, "lower_value": ratio.low, "upper_value": ratio.high}
        benchmarks.setdefault(_name(summary, comparison), {})[f"{comparison.metric}-percent-of-reference"] = values
    return json.dumps(benchmarks, indent=1) + "\n"


def _name(summary: Summary, comparison: Comparison) -> str:
    return f"{summary.experiment}: {comparison.arm} against {comparison.against}"


def _ratios(summary: Summary) -> Iterator[tuple[Comparison, ReportedInterval]]:
    """Yield each comparison but those of controls, with the arm in percent of its reference.

    A ratio is what machines and days have in common; the times themselves drift.
    """
    for comparison in summary.comparisons:
        interval = percent_interval(comparison)
        if interval and not is_control(summary, comparison):
            ends = (interval.value, interval.low, interval.high)
            yield comparison, ReportedInterval(*(round(100 + end, DECIMALS) for end in ends))
