"""What a socket can cost at most: from bare exchanges here, and from what a ladder adds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.validation.bounds import max_socket_us, socket_bound
from harness.model import ArmSummary, Comparison, Interval, Summary, Verdict
from harness.model.validation import SocketBound
from tests.support.imported_runs import bare, floor

Step = tuple[str, float, Verdict]

costs_us = st.floats(1, 1000)
slownesses = st.floats(1, 20)


def bound(unix_us: float, tcp_us: float, rungs_us: tuple[float, float] = (0.0, 0.0)) -> SocketBound:
    difference = Interval(value=unix_us - tcp_us, low=unix_us - tcp_us - 1, high=unix_us - tcp_us + 1)
    return SocketBound(
        found_in="barehop floor",
        unix_us=unix_us,
        tcp_us=tcp_us,
        difference_us=difference,
        unix_rungs_us=rungs_us[0],
        tcp_rungs_us=rungs_us[1],
    )


def ladder(*steps: Step) -> Summary:
    """One arm for each step: over which transport, up to how many us, and how it came out."""
    plain = bare().summary
    of_step = plain.comparisons[-1]
    arms: dict[str, ArmSummary] = {}
    comparisons: list[Comparison] = []
    for number, (transport, high_us, verdict) in enumerate(steps):
        names = f"{number}-low", f"{number}-high"
        for name in names:
            settings = {"transport": transport, "network": name}
            arms[name] = plain.arms["tcp"].model_copy(update={"settings": settings})
        fields = {"arm": names[1], "against": names[0], "metric": "latency", "us_high": high_us, "verdict": verdict}
        comparisons.append(of_step.model_copy(update=fields))
    return plain.model_copy(update={"arms": arms, "comparisons": tuple(comparisons), "directory": "ladder"})


def test_an_exchange_over_either_transport_is_granted_whole() -> None:
    assert max_socket_us(bound(60, 100), 1, slower=True) == 60
    assert max_socket_us(bound(60, 100), 1, slower=False) == 100


def test_a_slower_machine_makes_the_difference_larger_and_not_another_sign() -> None:
    assert max_socket_us(bound(60, 100), 4, slower=True) == 60
    assert max_socket_us(bound(60, 100), 4, slower=False) == pytest.approx(4 * 41)
    assert max_socket_us(bound(100, 60), 4, slower=True) == pytest.approx(4 * 41)


def test_what_rungs_add_is_granted_to_the_transport_that_they_are_on() -> None:
    assert max_socket_us(bound(60, 100, (2, 30)), 2, slower=True) == 64
    assert max_socket_us(bound(60, 100, (2, 30)), 2, slower=False) == 160


@given(costs_us, costs_us, slownesses)
def test_exchanging_the_transports_exchanges_cost_and_saving(unix_us: float, tcp_us: float, slowness: float) -> None:
    one, other = bound(unix_us, tcp_us), bound(tcp_us, unix_us)

    assert max_socket_us(one, slowness, slower=True) == pytest.approx(max_socket_us(other, slowness, slower=False))


@given(costs_us, costs_us, slownesses, st.booleans())
def test_slower_machines_are_never_granted_less(unix_us: float, tcp_us: float, slowness: float, slower: bool) -> None:
    here = bound(unix_us, tcp_us, (1, 10))

    assert max_socket_us(here, slowness, slower=slower) >= max_socket_us(here, 1, slower=slower)


def test_the_dearer_of_unix_sockets_counts() -> None:
    found = socket_bound(bare().summary, [], floor([70.0, 74.0], [110.0, 114.0]))

    assert found is not None
    assert (found.unix_us, found.tcp_us, found.difference_us.value) == (72, 112, -40)


def test_rungs_that_are_slower_for_sure_add_up_and_others_add_nothing() -> None:
    surely: list[Step] = [("tcp", 9.0, "slower"), ("tcp", 5.0, "slower")]
    perhaps: list[Step] = [("tcp", 4.0, "undecided"), ("uds-dir", 3.0, "equivalent")]
    steps = ladder(*surely, *perhaps)
    found = socket_bound(bare().summary, [], floor(), steps)

    assert found is not None
    assert (found.tcp_rungs_us, found.unix_rungs_us, found.ladder) == (14, 0, "ladder")


def test_without_any_exchange_nothing_is_known() -> None:
    assert socket_bound(bare().summary, [], None) is None
