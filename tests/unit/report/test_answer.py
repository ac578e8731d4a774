"""The sentences of a report, one verdict at a time."""

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from harness.model import (
    MACHINE_STATE,
    OUT_OF_TIME,
    ArmSummary,
    Comparison,
    Design,
    Doubt,
    NeededBudget,
    RunSeconds,
    Summary,
    Verdict,
)
from harness.report.answer import metric_sentence, summary_answer
from harness.report.caveats import (
    contradictions,
    effort_note,
    holm_note,
    missing_numbers,
    reliability_warning,
    validity_warnings,
)

DESIGN = Design(equivalence_percent=1.0, precision_percent=0.5)


def arm(transport: str = "tcp", **changes: Any) -> ArmSummary:
    values: dict[str, Any] = {
        "requests": 9600,
        "failed": 0,
        "requests_per_s": 2212.0,
        "mean_us": 452.1,
        "p50_us": 421.0,
        "p90_us": 480.0,
        "p99_us": 810.0,
        "cpu_us": {"nginx": 92.0, "app": 315.0},
        "control_of": None,
        "settings": {"transport": transport},
    }
    return ArmSummary(**values | changes)


def found(name: str, percent: float, half: float, verdict: Verdict | None, **changes: Any) -> Comparison:
    values: dict[str, Any] = {
        "arm": name,
        "against": "tcp",
        "metric": "latency",
        "percent": percent,
        "percent_low": percent - half,
        "percent_high": percent + half,
        "us": 4 * percent,
        "us_low": 4 * (percent - half),
        "us_high": 4 * (percent + half),
        "p": 0.001,
        "verdict": verdict,
    }
    return Comparison(**values | changes)


def nothing(name: str, why: str, **changes: Any) -> Comparison:
    numbers = ("percent", "percent_low", "percent_high", "us", "us_low", "us_high", "p")
    values: dict[str, Any] = {**dict.fromkeys(numbers), "arm": name, "against": "tcp", "metric": "latency"}
    return Comparison(**values | {"verdict": None, "why": why} | changes)


def summary(*comparisons: Comparison, arms: dict[str, ArmSummary] | None = None, **changes: Any) -> Summary:
    named = {name: arm(name) for c in comparisons for name in (c.against, c.arm)}
    values: dict[str, Any] = {
        "experiment": "e",
        "question": "?",
        "directory": "results/e",
        "sessions": 12,
        "planned_sessions": 12,
        "valid": True,
        "seconds": RunSeconds(total=60, measuring=50),
        "arms": named | (arms or {}),
        "comparisons": comparisons,
        "doubts": (),
    }
    return Summary(**values | changes)


def needing(goal: Literal["decide", "precision"], budget_s: float | None, *comparisons: Comparison) -> Summary:
    return summary(*comparisons, needed=NeededBudget(goal=goal, budget_s=budget_s))


def test_faster_says_by_how_much_of_what() -> None:
    seen = summary(found("uds-tmpfs", -10.6, 0.5, "faster"))

    assert summary_answer(seen, DESIGN) == (
        "A Unix socket on tmpfs (uds-tmpfs) is faster than tcp by 10.6 % (95 % interval 10.1 to 11.1), "
        "42 us of 421 us per request."
    )


def test_slower_is_on_top_of_the_reference() -> None:
    seen = summary(found("other", 3.2, 0.4, "slower"))

    assert summary_answer(seen, DESIGN) == (
        "other is slower than tcp by 3.2 % (95 % interval 2.8 to 3.6), 12.8 us on top of 421 us per request."
    )


def test_equivalent_names_its_margin_and_keeps_the_sign() -> None:
    seen = summary(found("uds-dir", -0.2, 0.3, "equivalent"))

    assert summary_answer(seen, DESIGN) == (
        "A Unix socket in a directory (uds-dir) is equivalent to tcp within 1 %: -0.2 % (95 % interval -0.5 to +0.1)."
    )


def test_undecided_gives_the_interval() -> None:
    seen = needing("decide", 560, found("x", -0.6, 1.3, "undecided"))

    assert summary_answer(seen, DESIGN) == (
        "Whether x is faster or slower than tcp is undecided: -0.6 % (95 % interval -1.9 to +0.7)."
    )


def test_one_budget_is_named_once_however_many_are_undecided() -> None:
    seen = needing(
        "decide",
        560,
        found("x", -0.6, 1.3, "undecided", sessions_to_decide=41),
        found("y", -0.4, 2.3, "undecided", sessions_to_decide=94),
        found("z", -9.0, 2.3, "faster"),
    )

    text = f"{summary_answer(seen, DESIGN)} {effort_note(seen, DESIGN)}"
    assert text.count("--budget") == 1
    assert "About 9 min 20 s (--budget 560) would decide what is undecided, an estimate from 12 sessions." in text
    assert "sessions more" not in text


@pytest.mark.parametrize(
    ("goal", "doubt", "sentence"),
    [
        (
            "decide",
            Doubt(kind="busy", seen="perl used 64 % of a CPU.", advice="End it."),
            "A longer budget will hardly bring a verdict (busy: perl used 64 % of a CPU). A quieter machine would "
            "help.",
        ),
        (
            "precision",
            Doubt(kind="control", seen="The control differs.", advice=""),
            "A longer budget will hardly bring the target (the sessions vary more than a longer run could average). A "
            "quieter machine would help.",
        ),
    ],
)
def test_a_budget_that_is_out_of_reach_is_no_advice(
    goal: Literal["decide", "precision"], doubt: Doubt, sentence: str
) -> None:
    seen = needing(goal, None, found("x", -0.6, 1.3, "undecided")).model_copy(update={"doubts": (doubt,)})

    assert sentence in effort_note(seen, DESIGN)
    assert "--budget" not in f"{summary_answer(seen, DESIGN)} {effort_note(seen, DESIGN)}"


def test_undecided_for_good_promises_no_number_of_sessions() -> None:
    seen = summary(found("x", -0.6, 1.3, "undecided"))

    assert summary_answer(seen, DESIGN).endswith("-0.6 % (95 % interval -1.9 to +0.7).")


def test_without_a_verdict_the_reason_is_given_once() -> None:
    seen = summary(nothing("x", "1 session has times."), nothing("y", "1 session has times."))

    assert summary_answer(seen, DESIGN) == "No verdict on x and y against tcp: 1 session has times."


def test_numbers_without_a_verdict_stay_out_of_the_answer() -> None:
    failed = found("x", -12.4, 0.5, None, why="x had 3 failed requests (502: 3)")

    assert summary_answer(summary(failed), DESIGN) == ("No verdict on x against tcp: x had 3 failed requests (502: 3).")


def test_a_second_clause_does_not_repeat_the_reference() -> None:
    seen = summary(found("x", -10.6, 0.5, "faster"), found("y", -0.2, 0.3, "equivalent"))

    assert summary_answer(seen, DESIGN).endswith("; y is equivalent within 1 %: -0.2 % (-0.5 to +0.1).")


def test_another_reference_is_named() -> None:
    seen = summary(found("x", -10.6, 0.5, "faster"), found("y", -3.1, 0.4, "faster", against="tcp/16"))

    assert "; y is faster than tcp/16 by 3.1 % (95 % interval 2.7 to 3.5)" in summary_answer(seen, DESIGN)


def test_more_than_three_comparisons_are_grouped_by_verdict() -> None:
    seen = summary(
        found("a", -10.6, 0.5, "faster"),
        found("b", -0.2, 0.3, "equivalent"),
        found("c", -9.8, 0.5, "faster"),
        found("d", -0.6, 1.3, "undecided", sessions_to_decide=41),
        nothing("e", "e had 3 failed requests"),
    ).model_copy(update={"needed": NeededBudget(goal="decide", budget_s=300)})

    assert summary_answer(seen, DESIGN) == (
        "Compared with tcp, a (-10.6 %) and c (-9.8 %) are faster; b (-0.2 %) is equivalent within 1 %; "
        "d (-0.6 %) is undecided; e has no verdict (e had 3 failed requests)."
    )


def test_very_many_comparisons_are_counted() -> None:
    faster = [found(f"f{number}", -5, 0.5, "faster") for number in range(12)]

    text = summary_answer(summary(*faster, found("e", 0.1, 0.3, "equivalent")), DESIGN)

    assert text == "13 comparisons: 12 are faster and 1 is equivalent within 1 %."


def test_the_control_is_no_part_of_the_answer() -> None:
    control = found("control", 0.1, 0.3, "equivalent")
    seen = summary(control, found("x", -10.6, 0.5, "faster"), arms={"control": arm(control_of="tcp")})

    assert "control" not in summary_answer(seen, DESIGN)


def test_an_arm_that_differs_in_more_than_the_hop_goes_by_its_name() -> None:
    combined = arm(settings={"transport": "uds-dir", "placement": "shared"})
    seen = summary(found("combined", -6.8, 0.5, "faster"), arms={"combined": combined})

    assert summary_answer(seen, DESIGN).startswith("combined is faster than tcp")


def test_an_unknown_transport_goes_by_its_name() -> None:
    assert summary_answer(summary(found("vsock", -6.8, 0.5, "faster")), DESIGN).startswith("vsock is faster than tcp")


@pytest.mark.parametrize("verdict", ["faster", "slower"])
def test_a_differing_control_is_a_warning(verdict: Verdict) -> None:
    percent = -2.3 if verdict == "faster" else 2.3
    control = found("control", percent, 0.9, verdict)
    seen = summary(control, arms={"control": arm(control_of="tcp")}, valid=False)

    assert validity_warnings(seen) == [
        "The A/A control differs: tcp, measured again as control, is "
        f"{verdict} than itself by 2.3 % (95 % interval 1.4 to 3.2), so a difference of that size means nothing here."
    ]


def test_an_undecided_control_leaves_the_result_valid_and_is_said_first() -> None:
    control = found("control", 0.4, 2.2, "undecided")
    seen = summary(control, arms={"control": arm(control_of="tcp")})

    assert validity_warnings(seen) == []
    assert reliability_warning(seen) == (
        "Not reliable: trust no difference below 2.6 %. The A/A control (tcp vs. tcp) could not be shown equal: +0.4 % "
        "(95 % interval -1.8 to +2.6)."
    )


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        (MACHINE_STATE, "do not use the averages below, they hold only for this mixture of states"),
        (OUT_OF_TIME, "the numbers below are a first impression, do not decide by them"),
    ],
)
def test_the_first_line_says_what_not_to_use_of_a_result_that_is_not_reliable(kind: str, use: str) -> None:
    doubt = Doubt(kind=kind, seen="Something was seen.", advice="Do something.")
    control = found("control", 0.4, 2.2, "undecided")
    doubtful = summary().model_copy(update={"doubts": (doubt,)})
    both = summary(control, arms={"control": arm(control_of="tcp")}).model_copy(update={"doubts": (doubt,)})

    assert reliability_warning(doubtful) == f"Not reliable: {use}. Something was seen."
    assert reliability_warning(both).startswith(f"Not reliable: {use}; trust no difference below 2.6 %. Something was")


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({"arms": {"x": arm(failed=37)}}, "no request fails"),
        ({"sessions": 7}, "all sessions are measured"),
        ({"arms": {"x": arm(failed=37)}, "sessions": 7}, "no request fails and all sessions are measured"),
        ({}, "the doubts are solved"),
    ],
)
def test_the_first_line_says_when_the_numbers_of_an_invalid_result_could_be_used(
    changes: dict[str, Any], condition: str
) -> None:
    warning = reliability_warning(summary(**changes, valid=False))

    assert warning.startswith(f"Not valid: do not use the numbers below until {condition}. ")


def test_an_equivalent_control_needs_no_first_line() -> None:
    control = found("control", 0.1, 0.4, "equivalent")

    assert reliability_warning(summary(control, arms={"control": arm(control_of="tcp")})) == ""


def test_failed_requests_and_missing_sessions_are_warnings() -> None:
    seen = summary(arms={"x": arm(failed=37)}, sessions=7, valid=False)

    assert validity_warnings(seen) == [
        "Requests failed: 37 of x. An arm with failed requests has no verdict.",
        "Only 7 of 12 sessions were measured. Resume the run to measure the rest.",
    ]


def test_a_run_that_stopped_early_because_it_was_precise_is_no_warning() -> None:
    assert validity_warnings(summary(sessions=7)) == []


def test_what_is_invalid_for_an_unknown_reason_points_at_the_doubts() -> None:
    assert validity_warnings(summary(valid=False)) == ["The doubts say why."]


def test_a_mean_or_a_cpu_time_that_points_the_other_way_is_said() -> None:
    seen = summary(
        found("x", -3.0, 0.4, "faster"),
        found("x", 1.6, 0.7, "slower", metric="mean"),
        found("x", 1.9, 1.2, "slower", metric="cpu"),
    )

    assert contradictions(seen) == [
        "The typical request of x is faster, but its mean is slower: +1.6 % (95 % interval +0.9 to +2.3) "
        "against tcp. A few very slow or fast requests cause that.",
        "The typical request of x is faster, but it takes more CPU time: +1.9 % (95 % interval +0.7 to +3.1) "
        "against tcp.",
    ]


def test_an_undecided_twin_does_not_disagree() -> None:
    seen = summary(found("x", -3.0, 0.4, "faster"), found("x", 0.1, 0.7, "undecided", metric="mean"))

    assert contradictions(seen) == []


def test_what_holm_keeps_undecided_is_named() -> None:
    seen = summary(
        found("x", -1.9, 1.6, "undecided", p_adjusted=0.068), found("y", -0.6, 1.3, "undecided", p_adjusted=0.33)
    )

    assert holm_note(seen) == (
        "The unadjusted 95 % interval of x excludes zero, but with Holm's correction for 2 comparisons p = 0.068: "
        "undecided."
    )


def test_cpu_time_is_told_reference_by_reference() -> None:
    seen = summary(
        found("x", -15.4, 1.4, "faster", metric="cpu"),
        found("y", -3.4, 1.2, "faster", metric="cpu", against="tcp/16"),
    )

    assert metric_sentence(seen, "cpu") == (
        "CPU time per request (nginx + app) against tcp: x -15.4 % (-16.8 to -14.0); "
        "against tcp/16: y -3.4 % (-4.6 to -2.2)."
    )


def test_precision_that_was_missed_comes_with_the_budget_that_would_reach_it() -> None:
    text = effort_note(needing("precision", 240, found("x", -9.8, 1.0, "faster")), DESIGN)

    assert "Achieved precision: ±1.0 % (target ±0.5 %). About 4 min (--budget 240) should reach the target" in text


def test_of_several_comparisons_fewer_arms_would_help_too() -> None:
    seen = needing("decide", None, found("x", -0.6, 1.3, "undecided"), found("y", -0.4, 1.3, "undecided"))

    assert "A quieter machine or fewer arms would help." in effort_note(seen, DESIGN)


def test_where_an_effect_depends_on_the_state_of_the_machine_no_budget_is_advised() -> None:
    doubt = Doubt(kind=MACHINE_STATE, seen="An effect depends on it.", advice="Repeat the run.")
    seen = needing("precision", 240, found("x", -9.8, 1.0, "faster")).model_copy(update={"doubts": (doubt,)})

    assert (
        "A longer budget will hardly bring the target (effects depend on the machine's state). A machine that stays in "
        "one state would help."
    ) in effort_note(seen, DESIGN)


def test_an_absent_number_is_explained_for_the_arms_that_lack_it() -> None:
    seen = summary(arms={"x": arm(p99_us=None), "y": arm(cpu_us={})})

    assert missing_numbers(seen) == [
        "p99 not shown for x: fewer than 10 requests exceed it.",
        "CPU time not shown for y: its processes could not be read.",
    ]


def at_places(*verdicts: Verdict, **changed: dict[str, Any]) -> Summary:
    """A Unix socket against TCP at a place for each verdict: 1/uds-tmpfs against 1/tcp, ..."""
    places = [(f"{place}/tcp", f"{place}/uds-tmpfs", verdict) for place, verdict in enumerate(verdicts, start=1)]
    pairs = [
        found(ours, 4.0 * place * (1 if verdict == "slower" else -1), 1.0, verdict, against=theirs)
        for place, (theirs, ours, verdict) in enumerate(places, start=1)
    ]
    arms = {
        name: arm(name.partition("/")[2], settings={"transport": name.partition("/")[2]} | changed.get(name, {}))
        for theirs, ours, _ in places
        for name in (theirs, ours)
    }
    return summary(*pairs, arms=arms)


def test_what_is_so_everywhere_is_said_once_with_its_least_and_its_most() -> None:
    assert summary_answer(at_places("faster", "faster", "faster", "faster"), DESIGN) == (
        "uds-tmpfs is faster than tcp in all 4 cases, by 4.0 % (95 % interval 3.0 to 5.0) at 1 to 16.0 % "
        "(15.0 to 17.0) at 4."
    )


@pytest.mark.parametrize(
    "found",
    [
        at_places("faster", "slower", "faster", "faster"),
        at_places("faster", "equivalent", "faster", "faster"),
        at_places("undecided", "undecided", "undecided", "undecided"),
        at_places("faster", "faster"),
        at_places("faster", "faster", "faster", "faster", **{"2/uds-tmpfs": {"workers": 2}}),
    ],
)
def test_what_is_not_so_everywhere_is_said_place_by_place(found: Summary) -> None:
    assert "in all" not in summary_answer(found, DESIGN)


def changed(pairs: Sequence[tuple[str, dict[str, Any], str, dict[str, Any]]]) -> Summary:
    """For each (arm, settings, reference, settings) a comparison in which the arm is faster."""
    found_all = [
        found(ours, -4.0 - place, 1.0, "faster", against=theirs) for place, (ours, _, theirs, _) in enumerate(pairs)
    ]
    arms = {name: arm(settings=settings) for one in pairs for name, settings in (one[:2], one[2:])}
    return summary(*found_all, arms=arms)


def test_a_setting_whose_levels_are_numbers_is_named_with_them() -> None:
    pairs = [(f"2/{n}", {"workers": 2, "connections": n}, f"1/{n}", {"connections": n}) for n in (1, 2, 4)]

    assert summary_answer(changed(pairs), DESIGN).startswith(
        "workers = 2 is faster than workers = 1 in all 3 cases, by 4.0 %"
    )
    assert "at 1 to 6.0 % (5.0 to 7.0) at 4" in summary_answer(changed(pairs), DESIGN)


def test_a_switch_is_named_as_in_the_experiment_file() -> None:
    pairs = [(f"true/{n}", {"tls": True, "workers": n}, f"false/{n}", {"workers": n}) for n in (1, 2, 4)]

    assert summary_answer(changed(pairs), DESIGN).startswith("tls = true is faster than tls = false in all 3 cases")


@pytest.mark.parametrize(
    "levels",
    [
        [({"workers": 2}, {}), ({"connections": 2}, {}), ({"backlog": 7}, {})],
        [({"workers": 2}, {}), ({"workers": 4}, {}), ({"workers": 2}, {})],
        [({"knobs": {"a": 1, "b": 1}}, {"knobs": {"a": 0, "b": 0}})] * 3,
        [({"path": "/bytes/9"}, {"path": "/bytes/1"})] * 3,
    ],
)
def test_changes_that_are_not_one_are_never_called_so(levels: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    pairs = [(f"{place}/y", ours, f"{place}/x", theirs) for place, (ours, theirs) in zip("abc", levels, strict=True)]

    assert "in all" not in summary_answer(changed(pairs), DESIGN)
