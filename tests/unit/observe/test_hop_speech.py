"""What is no proof of a hop's protocol."""

import pytest

from harness.model import Arm, Settings
from harness.observe.hop_speech import fallback_problem

MULTIPATH = Arm(name="m", settings=Settings(transport="mptcp"))


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ({"mptcp_syns": 40, "mptcp_acks": 39}, 1),
        ({"mptcp_syns": 39, "mptcp_acks": 41}, 1),
        ({"mptcp_syns": 40}, 40),
        ({}, 40),
    ],
)
def test_a_connection_that_one_counter_misses_fell_back(counts: dict[str, int], missing: int) -> None:
    assert fallback_problem([MULTIPATH], 40, counts) == (
        f"Arm 'm': {missing} of 40 connections of its hop fell back from Multipath TCP to plain TCP. Check sysctl "
        "net.mptcp and packet filters, or leave this transport out."
    )


def test_connections_of_others_are_no_problem_and_other_transports_are_not_counted() -> None:
    assert fallback_problem([MULTIPATH], 40, {"mptcp_syns": 41, "mptcp_acks": 40}) == ""
    assert fallback_problem([Arm(name="t", settings=Settings())], 40, {}) == ""


def test_connections_of_several_arms_are_counted_together() -> None:
    control = Arm(name="control", settings=MULTIPATH.settings, control_of="m")
    assert fallback_problem([MULTIPATH, control], 80, {"mptcp_syns": 80, "mptcp_acks": 78}).startswith(
        "Arms 'm', 'control': 2 of 80 connections of their hops fell back from Multipath TCP"
    )
