"""A difference is taken apart into what it is made of, and graded by how much of what was seen agrees."""

import numpy as np
import pytest

from harness.model import Explanation
from tests.support.known_causes import TCP, TWO, UNIX, Truth, records, summary
from tests.support.run_reports import render_terminal


def explained(unix: Truth, tcp: Truth = TCP) -> Explanation:
    (found,) = summary(TWO, records({"tcp": tcp, "unix": unix})).explanations
    return found


def test_the_parts_are_those_that_the_difference_was_made_of() -> None:
    found = explained(UNIX)
    assert found.time_us.value == pytest.approx(-20, abs=1)
    assert {role: part.value for role, part in found.cpu_us.items()} == {
        "client": pytest.approx(0),
        "nginx": pytest.approx(-10),
        "app": pytest.approx(-25),
    }
    assert found.cpu_total_us
    assert found.cpu_total_us.value == pytest.approx(-35)
    assert found.waiting_total_us
    assert found.waiting_total_us.value == pytest.approx(-3)
    assert found.rest_us
    assert found.rest_us.value == pytest.approx(-20 + 35 + 3, abs=1)


def test_time_cpu_and_counts_that_agree_are_the_highest_grade() -> None:
    found = explained(UNIX)
    assert found.evidence == "timing, CPU and counts"
    assert found.agree == ("hop.active_opens", "net.segments_out")
    assert found.oppose == ()


def test_counts_that_point_the_other_way_lower_the_grade() -> None:
    found = explained(UNIX | {"hop.active_opens": 2, "net.segments_out": 30})
    assert (found.evidence, found.counts_agree) == ("timing and CPU", False)
    assert found.oppose == ("hop.active_opens", "net.segments_out")


def test_a_faster_arm_that_takes_more_cpu_time_has_timing_only() -> None:
    found = explained(UNIX | {"app.cpu_us": 400})
    assert (found.evidence, found.cpu_agrees) == ("timing only", False)


def test_arms_that_are_alike_in_everything_agree_too() -> None:
    found = explained(TCP)
    assert found.evidence == "timing, CPU and counts"
    assert (found.agree, found.oppose) == ((), ())


def test_what_is_undecided_has_nothing_to_explain() -> None:
    seen = records({"tcp": TCP, "unix": TCP | {"time_us": 451}}, noise_us=120)
    (found,) = summary(TWO, seen).explanations
    assert (found.evidence, found.cpu_agrees, found.counts_agree) == ("nothing", None, None)


def test_a_kernel_without_schedstat_gives_no_waiting_and_everything_else() -> None:
    without = {name: value for name, value in TCP.items() if not name.endswith("wait_us")}
    found = explained(without | {"time_us": 430, "app.cpu_us": 280}, without)
    assert found.waiting_total_us is None
    assert found.rest_us
    assert found.rest_us.value == pytest.approx(-20 + 20, abs=1)


def test_without_counts_the_grade_is_timing_and_cpu() -> None:
    only = {name: value for name, value in TCP.items() if name == "time_us" or name.endswith("cpu_us")}
    found = explained(only | {"time_us": 430, "app.cpu_us": 280}, only)
    assert (found.evidence, found.counts_agree) == ("timing and CPU", None)


def test_system_calls_counted_under_perf_are_told_beside_the_others() -> None:
    calls = {"tcp": {"app.syscalls": 23.0}, "unix": {"app.syscalls": 21.0}}
    seen = records({"tcp": TCP, "unix": UNIX}, under_perf=calls)
    found = summary(TWO, seen)
    assert "app.syscalls" in found.explanations[0].agree
    (counter,) = [one for one in found.counters if one.name == "app.syscalls"]
    assert counter.differences["unix"].value == pytest.approx(-2)


def test_system_calls_that_go_the_other_way_do_not_outvote_what_tcp_does_on_the_hop() -> None:
    calls = {"tcp": {"nginx.syscalls": 18.0}, "unix": {"nginx.syscalls": 19.0}}
    (found,) = summary(TWO, records({"tcp": TCP, "unix": UNIX}, under_perf=calls)).explanations
    assert found.oppose == ("nginx.syscalls",)
    assert found.evidence == "timing, CPU and counts"


def test_a_session_that_lacks_a_part_is_left_out_of_the_sum_and_of_nothing_else() -> None:
    seen = records({"tcp": TCP, "unix": UNIX})
    untimed = tuple(visit.model_copy(update={"mean_us": None}) for visit in seen[3].visits if visit.arm == "unix")
    others = tuple(visit for visit in seen[3].visits if visit.arm == "tcp")
    lacking = [*seen[:3], seen[3].model_copy(update={"visits": (*untimed, *others)}), *seen[4:]]
    (found,) = summary(TWO, lacking).explanations
    assert found.cpu_total_us
    assert found.cpu_total_us.value == pytest.approx(-35)
    assert found.rest_us
    assert found.rest_us.value == pytest.approx(18, abs=1)


def test_parts_that_no_session_has_together_leave_no_rest() -> None:
    seen = records({"tcp": TCP, "unix": UNIX}, sessions=3)
    uncounted = tuple(visit.model_copy(update={"counters": {}}) for visit in seen[0].visits)
    untimed = tuple(visit.model_copy(update={"mean_us": None}) for visit in seen[2].visits)
    apart = [
        seen[0].model_copy(update={"visits": uncounted}),
        seen[1].model_copy(update={"visits": uncounted}),
        seen[2].model_copy(update={"visits": untimed}),
    ]
    (found,) = summary(TWO, apart).explanations
    assert found.rest_us is None
    assert found.waiting_total_us
    assert "+ the rest" in render_terminal(summary(TWO, apart), None, width=100)


def test_cpu_time_that_is_undecided_neither_agrees_nor_disagrees() -> None:
    rng = np.random.default_rng(3)
    seen = [
        record.model_copy(
            update={
                "visits": tuple(
                    visit.model_copy(
                        update={"cpu_us": {**visit.cpu_us, "app": 300 + shift if visit.arm == "unix" else 300}}
                    )
                    for visit in record.visits
                )
            }
        )
        for record, shift in zip(records({"tcp": TCP, "unix": UNIX}), rng.normal(0, 30, 8).tolist(), strict=True)
    ]
    (found,) = summary(TWO, seen).explanations
    assert (found.cpu_agrees, found.evidence) == (None, "timing only")


def test_rare_events_are_no_outliers() -> None:
    """Half of the visits have none, and the mean over all of them is what a request has."""
    seen = records({"tcp": TCP, "unix": UNIX})
    rare = [
        record.model_copy(
            update={
                "visits": tuple(
                    visit.model_copy(update={"counters": {"app.involuntary": 0.5 if visit.round == 4 else 0.0}})
                    for visit in record.visits
                )
            }
        )
        for record in seen
    ]
    (counter,) = [one for one in summary(TWO, rare).counters if one.name == "app.involuntary"]
    assert counter.arms["tcp"].value == pytest.approx(0.5 / 20)
