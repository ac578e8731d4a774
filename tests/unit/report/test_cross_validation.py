"""What a cross-validation says: do all ways of measuring agree?"""

from functools import cache

import pytest

from harness.model import Design, Experiment, Summary
from harness.report.sections.factorial import factor_sections
from tests.support.factorial_experiments import factorial
from tests.support.run_reports import render_terminal
from tests.support.simulated_run import run_of

DESIGN = Design(equivalence_percent=5)
PROCESSES = ("shared", "swapped", "separate")


def crossed(tools: tuple[str, ...] = ("client", "ab")) -> Experiment:
    factors = {"tool": tools, "processes": PROCESSES, "transport": ("tcp", "uds-tmpfs")}
    return factorial(factors, design={"against": {"transport": "tcp"}, "equivalence_percent": 5})


@cache
def summary_of(**odd: float) -> Summary:
    """A Unix socket that is 10 % faster in every way, but for the `odd` arms, of which `_` is a slash."""
    experiment = crossed()
    truth = {arm.name: 0.9 if "uds" in arm.name else 1.0 for arm in experiment.arms if not arm.control_of}
    return run_of(
        truth | {name.replace("__", "/"): time for name, time in odd.items()}, experiment=experiment, rounds=12
    ).summary


def first_sentence(summary: Summary) -> str:
    section = factor_sections(summary, DESIGN)[0]
    assert section.heading == "Does the result hold under different measurement methods?"
    return section.sentences[0]


def test_ways_that_agree_are_told_with_how_far_apart_they_are() -> None:
    said = first_sentence(summary_of())
    assert said.startswith(
        "Cross-validated: the effect of transport (uds-tmpfs against tcp) is the same within 5 % by client and ab, "
        "on shared, swapped and separate processes. Largest difference: "
    )
    assert "95 % interval" in said
    assert said.endswith("Each method on its own: uds-tmpfs is faster.")


def test_a_way_that_differs_is_told() -> None:
    said = first_sentence(summary_of(**{"ab__separate__uds-tmpfs": 1.3}))
    assert said.startswith("Not cross-validated: ")
    assert "Of 7 pairs of methods" in said
    assert "agree and" in said
    assert " differ, with a margin of 5 %. Largest difference: " in said
    assert "Each method" not in said


def test_ways_that_are_not_told_apart_yet_are_no_agreement() -> None:
    found = summary_of()
    open_ = tuple(one.model_copy(update={"verdict": "undecided"}) for one in found.interactions)
    assert first_sentence(found.model_copy(update={"interactions": open_})).startswith("Not yet cross-validated: ")


def test_the_section_is_in_the_report() -> None:
    assert "Does the result hold under different measurement methods?" in render_terminal(
        summary_of(), DESIGN, width=80
    )


@pytest.mark.parametrize("factor", ["workers", "placement"])
def test_a_factor_that_changes_what_is_measured_is_no_way_of_measuring(factor: str) -> None:
    levels = {"workers": (1, 2), "placement": ("split", "shared")}[factor]
    experiment = factorial({factor: levels, "processes": ("shared", "separate"), "transport": ("tcp", "uds-tmpfs")})
    truth = {arm.name: 1.0 for arm in experiment.arms if not arm.control_of}
    headings = [
        section.heading for section in factor_sections(run_of(truth, experiment=experiment, rounds=12).summary, DESIGN)
    ]
    assert headings
    assert "Does the result hold under different measurement methods?" not in headings
