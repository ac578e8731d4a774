"""Functions with all that they call, and flame graphs: each sample counts once for each function above it."""

import pytest

from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.why.flame import LEAST_SHARE, FlameGraph, flame_graphs, width_us
from harness.analysis.why.profile import profile_comparisons
from harness.model import ProfilePart
from tests.support.profiled_sessions import profiled_run

TRUTH = {
    "tcp": {
        "send_[k];tcp_sendmsg_[k];tcp_ack_[k]": 20.0,
        "send_[k];tcp_sendmsg_[k];lock_[k]": 10.0,
        "close_[k];close_[k];lock_[k]": 30.0,
        "rare_[k]": 0.4,
        "_PyEval (python3.11);malloc (python3.11);lock_[k]": 40.0,
    },
    "unix": {
        "send_[k];unix_sendmsg_[k]": 12.0,
        "close_[k];close_[k];lock_[k]": 30.0,
        "rare_[k]": 0.4,
        "_PyEval (python3.11);malloc (python3.11);lock_[k]": 40.0,
    },
}
RUN = profiled_run(TRUTH)


def inclusive() -> dict[str, ProfilePart]:
    return {part.name: part for part in profile_comparisons(RUN)[0].inclusive}


def graph_of(run: RunEvidence) -> FlameGraph:
    (graph,) = flame_graphs(run)
    return graph


def test_a_function_has_the_time_of_all_that_it_calls_and_a_recursion_counts_once() -> None:
    parts = inclusive()
    assert parts["tcp_sendmsg"].against_us == pytest.approx(30, rel=0.2)
    assert parts["tcp_sendmsg"].verdict == "less"
    assert parts["close"].against_us == pytest.approx(30, rel=0.2)
    assert parts["close"].verdict == "undecided"


def test_functions_that_call_nothing_have_only_a_time_of_their_own() -> None:
    assert {"tcp_ack", "rare"}.isdisjoint(inclusive())


def test_of_calls_within_each_other_the_one_that_differs_most_is_told() -> None:
    told = [part.name for part in inclusive().values() if not part.overlaps]
    assert told[0] in ("tcp_sendmsg", "send")
    assert len({"tcp_sendmsg", "send"} & set(told)) == 1
    assert "close" not in told


def test_frames_lie_within_their_callers() -> None:
    frames = graph_of(RUN).frames
    assert (frames[0].depth, frames[0].part.name) == (0, "app")
    callers = [frames[0]]
    for frame in frames[1:]:
        callers = callers[: frame.depth]
        caller = callers[-1]
        assert caller.start_us - 1e-9 <= frame.start_us
        assert frame.start_us + width_us(frame.part) <= caller.start_us + width_us(caller.part) + 1e-9
        callers.append(frame)


def test_the_interpreter_is_one_block_and_small_frames_are_left_out() -> None:
    frames = graph_of(RUN).frames
    names = [frame.part.name for frame in frames]
    assert names.count("Python interpreter") == 1
    assert "malloc (python3.11)" not in names
    assert "rare" not in names
    assert min(width_us(frame.part) for frame in frames) >= LEAST_SHARE * width_us(frames[0].part)


def test_frames_differ_where_the_arms_do_and_nowhere_else() -> None:
    verdicts = {frame.part.name: frame.part.verdict for frame in graph_of(RUN).frames}
    assert (verdicts["tcp_sendmsg"], verdicts["unix_sendmsg"], verdicts["close"]) == ("less", "more", "undecided")


def test_equal_arms_and_too_few_sessions_have_no_graph() -> None:
    assert flame_graphs(profiled_run({"tcp": TRUTH["tcp"], "same": TRUTH["tcp"]})) == ()
    assert flame_graphs(profiled_run(TRUTH, 4)) == ()
