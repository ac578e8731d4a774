"""Ladders from known truths: steps, their sum, what all rungs at once have beyond it, and the control of sockets."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from harness.analysis.contrasts.engine import RunSeries, pair_terms, session_values
from harness.analysis.contrasts.ladder import ladder_structures
from harness.analysis.statistics.series import SessionData
from harness.model import Experiment, Ladder, LadderStep, Summary
from tests.support.factorial_sessions import summary_of
from tests.support.ladder_experiments import TRANSPORTS, climbing, networks, whole_ladder
from tests.support.simulated_sessions import Times, session_of

ADDED_US = {"own": 0.0, "veth": 8.0, "bridge": 12.0, "nat": 10.0, "relay": 40.0, "cgroup": 1.0, "seccomp": 4.0}
BOTTOM_US = 400.0


def level_us(experiment: Experiment, added_us: Mapping[str, float], beyond_us: float = 0.0) -> dict[str, float]:
    """Each arm takes what its rungs add, over a socket only those of the sandbox; `beyond_us`: all at once."""
    below = ["own", "veth", "bridge", "nat", "relay"]
    levels = {}
    for arm in experiment.arms:
        on = arm.settings.network
        network = below[: below.index(on) + 1] if on in below and arm.settings.transport == "tcp" else []
        whole = beyond_us if len(arm.settings.sandbox) > 1 else 0.0
        levels[arm.name] = BOTTOM_US + sum(added_us[rung] for rung in (*network, *arm.settings.sandbox)) + whole
    return levels


def drawn(experiment: Experiment, levels_us: Mapping[str, float], sessions: int = 10, noise: float = 0.003) -> Summary:
    rng = np.random.default_rng(5)
    return summary_of(experiment, [_session(number, levels_us, rng, noise) for number in range(1, sessions + 1)])


def _session(number: int, levels_us: Mapping[str, float], rng: np.random.Generator, noise: float) -> SessionData:
    drift = np.exp(rng.normal(0, 0.1, 9))
    times: Times = {
        arm: (level_us * drift * np.exp(rng.normal(0, noise, 9))).tolist() for arm, level_us in levels_us.items()
    }
    return session_of(times, number=number, cpu_us={arm: {"nginx": 100.0, "app": 300.0} for arm in levels_us})


def ladder_over(summary: Summary, transport: str) -> Ladder:
    return next(one for one in summary.ladders if one.transport == transport)


def step(ladder: Ladder, rung: str) -> LadderStep:
    return next(one for one in ladder.steps if one.rungs == (rung,))


@pytest.fixture(scope="module")
def summary() -> Summary:
    experiment = whole_ladder()
    return drawn(experiment, level_us(experiment, ADDED_US))


def test_there_is_a_ladder_for_each_transport_from_the_bottom_up(summary: Summary) -> None:
    assert [one.transport for one in summary.ladders] == list(TRANSPORTS)
    ladder = ladder_over(summary, "tcp")
    assert ladder.bottom == "host/tcp"
    assert [(one.kind, *one.rungs) for one in ladder.steps] == [
        *(("network", rung) for rung in ("own", "veth", "bridge", "nat", "relay")),
        *(("sandbox", rung) for rung in ("cgroup", "seccomp")),
    ]
    assert ladder.where == {}


def test_each_step_is_the_comparison_of_its_arms(summary: Summary) -> None:
    compared = {(one.arm, one.against): one for one in summary.comparisons if one.metric == "latency"}
    for ladder in summary.ladders:
        for one in ladder.steps:
            same = compared[one.arm, one.against]
            assert one.model_dump(exclude={"rungs", "kind", "backing"}) == same.model_dump(exclude={"checks"})


def test_intervals_hold_what_each_rung_adds(summary: Summary) -> None:
    ladder = ladder_over(summary, "tcp")
    for rung, added_us in ADDED_US.items():
        one = step(ladder, rung)
        assert one.us_low is not None
        assert one.us_high is not None
        assert one.us_low - 1.5 < added_us < one.us_high + 1.5
    assert [step(ladder, rung).verdict for rung in ("veth", "bridge", "nat")] == ["slower"] * 3


def test_the_sum_is_that_of_the_rows_and_the_whole_adds_as_much(summary: Summary) -> None:
    [together] = ladder_over(summary, "tcp").together
    parts = [one for one in ladder_over(summary, "tcp").steps if one.arm in together.parts]
    assert together.measured.rungs == ("nat", "cgroup", "seccomp")
    assert together.parts == (
        *(f"{rung}/tcp" for rung in ("own", "veth", "bridge", "nat")),
        "cgroup/tcp",
        "seccomp/tcp",
    )
    assert together.sum is not None
    assert together.beyond is not None
    assert together.sum.us == pytest.approx(sum(one.us or 0 for one in parts))
    assert together.sum.us_low is not None
    assert together.sum.us_low > 0
    assert together.beyond.us == pytest.approx((together.measured.us or 0) - (together.sum.us or 0))
    assert together.beyond.verdict == "additive"


@pytest.mark.parametrize(("beyond_us", "verdict"), [(40.0, "more"), (-25.0, "less")])
def test_what_goes_beyond_the_sum_is_said(beyond_us: float, verdict: str) -> None:
    experiment = whole_ladder(["tcp"])
    [ladder] = drawn(experiment, level_us(experiment, ADDED_US, beyond_us)).ladders
    assert ladder.together[0].beyond is not None
    assert ladder.together[0].beyond.verdict == verdict


def test_with_noise_whether_rungs_add_up_stays_open() -> None:
    experiment = whole_ladder(["tcp"])
    [ladder] = drawn(experiment, level_us(experiment, ADDED_US), noise=0.3).ladders
    assert ladder.together[0].beyond is not None
    assert ladder.together[0].beyond.verdict == "undecided"


def test_the_top_is_the_network_of_the_whole_against_the_bottom(summary: Summary) -> None:
    top = ladder_over(summary, "tcp").top
    assert top is not None
    assert (top.arm, top.against, top.verdict) == ("nat/tcp", "host/tcp", "slower")
    assert top.us == pytest.approx(30, abs=3)


def test_without_a_whole_the_top_is_the_highest_rung_and_needs_more_than_one_step() -> None:
    [one] = ladder_structures(climbing(networks("host", "own", "veth"), ["tcp"]))
    assert one.top == ("veth/tcp", "host/tcp")
    assert ladder_structures(climbing(networks("host", "veth"), ["tcp"]))[0].top is None


def test_rungs_that_are_at_once_only_are_one_step_of_the_sum() -> None:
    both = {"sandbox": ["cgroup", "seccomp"]}
    tables = {**networks("host", "nat"), "sandbox": both, "all": {"network": "nat", **both}}
    [one] = ladder_structures(climbing(tables, ["tcp"]))
    assert one.sandbox == (("sandbox/tcp", "host/tcp"),)
    [whole] = one.wholes
    assert whole.parts == (("nat/tcp", "host/tcp"), ("sandbox/tcp", "host/tcp"))


def test_a_whole_without_its_parts_has_no_sum_and_names_them() -> None:
    tables = {**networks("host", "own"), "cgroup": {"sandbox": ["cgroup"]},
        "all": {"network": "nat", "sandbox": ["cgroup", "user"]}}  # fmt: skip
    experiment = climbing(tables, ["tcp"])
    [ladder] = drawn(experiment, {arm.name: 400.0 for arm in experiment.arms}).ladders
    [together] = ladder.together
    assert together.missing == ("nat", "user")
    assert (together.sum, together.beyond, together.parts) == (None, None, ())


def test_each_leg_and_each_other_setting_has_its_own_ladder() -> None:
    text = {**networks("host", "veth"), "front": {"network": "veth", "network_leg": "front"}}
    assert [(one.where, one.network) for one in ladder_structures(climbing(text, ["tcp"]))] == [
        ({"network_leg": "hop"}, (("veth/tcp", "host/tcp"),)),
        ({"network_leg": "front"}, (("front/tcp", "host/tcp"),)),
    ]


def test_a_rung_that_moves_a_socket_is_a_doubt(summary: Summary) -> None:
    experiment = whole_ladder()
    levels = level_us(experiment, ADDED_US)
    moved = drawn(experiment, {**levels, **{f"{rung}/uds-tmpfs": 430.0 for rung in ("bridge", "nat", "relay")}})
    [doubt] = moved.doubts
    assert (doubt.kind, doubt.arm) == ("rung-moved-uds", "bridge/uds-tmpfs")
    assert "bridge/uds-tmpfs is slower than veth/uds-tmpfs by +7." in doubt.seen
    assert not summary.doubts


def test_on_the_clients_leg_a_rung_may_move_a_socket() -> None:
    tables = {"host": {}, "veth": {"network": "veth", "network_leg": "front"}}
    experiment = climbing(tables)
    levels = {arm.name: 430.0 if arm.name.startswith("veth") else 400.0 for arm in experiment.arms}
    assert not drawn(experiment, levels).doubts


def test_a_sandbox_rung_may_move_a_socket(summary: Summary) -> None:
    assert step(ladder_over(summary, "uds-tmpfs"), "seccomp").us == pytest.approx(4, abs=2)


def test_failed_requests_leave_no_verdict_on_any_sum() -> None:
    experiment = whole_ladder(["tcp"])
    times: Sequence[Times] = [{arm.name: [400.0 + number] * 3 for arm in experiment.arms} for number in range(3)]
    sessions = [
        session_of(one, number=number, failures={"bridge/tcp": {"502": 1}}) for number, one in enumerate(times, 1)
    ]
    [ladder] = summary_of(experiment, sessions).ladders
    assert ladder.together[0].sum is not None
    assert ladder.together[0].sum.verdict is None
    assert ladder.together[0].beyond is not None
    assert "bridge/tcp had 3 failed requests" in ladder.together[0].beyond.why
    assert ladder.together[0].measured.verdict is not None


@given(arrays(np.float64, (3, 4, 5), elements=st.floats(1, 1e6)))
def test_the_sum_and_what_goes_beyond_it_make_the_whole(times_us: NDArray[np.float64]) -> None:
    """Times of three sessions, four arms, five rounds."""
    sessions = {number: dict(zip("abcd", of_arms, strict=True)) for number, of_arms in enumerate(times_us)}
    whole, steps = pair_terms(("d", "a"), "latency"), (("b", "a"), ("c", "b"))
    parts, less_parts = (
        [term for step in steps for term in pair_terms(step, "latency", factor)] for factor in (1.0, -1.0)
    )
    measured, total, beyond = (
        session_values(RunSeries([], {"latency": sessions}), terms) for terms in (whole, parts, [*whole, *less_parts])
    )
    assert measured.log_ratio == pytest.approx(total.log_ratio + beyond.log_ratio)
    assert measured.difference == pytest.approx(total.difference + beyond.difference, abs=1e-6)


def test_a_session_that_lacks_an_arm_has_no_sum() -> None:
    sessions = {1: {"a": np.ones(2), "b": np.ones(2)}, 2: {"a": np.ones(2), "b": np.ones(2), "c": np.ones(2)}}
    steps = [*pair_terms(("b", "a"), "latency"), *pair_terms(("c", "b"), "latency")]
    assert session_values(RunSeries([], {"latency": sessions}), steps).sessions == (2,)


def test_what_is_no_ladder_has_none() -> None:
    experiment = climbing(networks("host", "veth"), ["tcp"])
    flat = experiment.model_copy(update={"design": experiment.design.model_copy(update={"against": "host/tcp"})})
    assert drawn(flat, {arm.name: 400.0 for arm in flat.arms}).ladders == ()
