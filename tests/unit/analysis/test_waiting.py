"""The chain of a request adds up to its time or says what is left, and differences in waiting are found."""

import pytest

from harness.analysis.why.waiting import REST_PARTS, waiting_results
from harness.model import RequestChain
from tests.support.waiting_sessions import LINKS, PATH_US, chain_of, waiting_run

TCP, UNIX = chain_of(14, 23, 21, 14), chain_of(14, 23, 13, 14)


def parts_of(chain: RequestChain) -> dict[tuple[str, str, str], float]:
    return {(part.kind, part.waker, part.name): part.us.value for part in chain.parts}


def test_cpu_time_is_that_of_the_timed_bursts_and_the_parts_are_in_the_order_of_the_way() -> None:
    (tcp, _), _ = waiting_results(waiting_run({"tcp": TCP, "unix": UNIX}))
    assert list(parts_of(tcp)) == [
        ("cpu", "", "client"),
        ("wake-up", "client", "nginx"),
        ("cpu", "", "nginx"),
        ("wake-up", "nginx", "app"),
        ("cpu", "", "app"),
        ("wake-up", "app", "nginx"),
        ("wake-up", "nginx", "client"),
        ("other", "", "ready, but another thread runs"),
    ]
    for role, us in PATH_US.items():
        assert parts_of(tcp)["cpu", "", role] == pytest.approx(us)
    for link in LINKS:
        assert parts_of(tcp)["wake-up", *link] == pytest.approx(TCP[link], rel=0.05)
    assert sum(parts_of(tcp).values()) == pytest.approx(tcp.sum_us.value)
    assert (tcp.sessions, tcp.requests, tcp.incomplete) == (8, 2400, 8)
    assert tcp.traced_us.value == pytest.approx(tcp.sum_us.value + 0.25 * sum(PATH_US.values()))


@pytest.mark.parametrize(("left_us", "adds_up"), [(0.0, True), (30.0, False), (-30.0, False)])
def test_what_is_left_has_an_interval(left_us: float, *, adds_up: bool) -> None:
    chains, _ = waiting_results(waiting_run({"tcp": TCP, "unix": UNIX}, left_us))
    for chain in chains:
        assert chain.adds_up is adds_up
        assert chain.left_us.low is not None
        assert chain.left_us.high is not None
        assert chain.left_us.low <= left_us <= chain.left_us.high
        assert chain.sum_us.value + chain.left_us.value == pytest.approx(chain.request_us.value)


def test_the_role_that_is_woken_faster_is_found_and_no_other() -> None:
    _, (comparison,) = waiting_results(waiting_run({"tcp": TCP, "unix": UNIX}))
    verdicts = {(difference.role, difference.quantity): difference.verdict for difference in comparison.differences}
    assert verdicts["nginx", "median"] == verdicts["nginx", "p99"] == "less"
    assert {verdict for (role, _), verdict in verdicts.items() if role != "nginx"} == {"undecided"}
    (median,) = [
        difference
        for difference in comparison.differences
        if (difference.role, difference.quantity) == ("nginx", "median")
    ]
    assert median.us.value == pytest.approx(0.9 * -8, abs=1)
    assert median.arm_us - median.against_us == pytest.approx(median.us.value)


def test_the_rest_of_a_difference_is_the_sum_of_its_parts() -> None:
    _, (comparison,) = waiting_results(waiting_run({"tcp": TCP, "unix": UNIX}))
    assert comparison.rest_us is not None
    assert set(comparison.rest_parts) == set(REST_PARTS) - {"interrupts and other processes"}
    assert sum(part.value for part in comparison.rest_parts.values()) == pytest.approx(comparison.rest_us.value)
    assert comparison.rest_parts["wake-ups, less waiting for a CPU"].value == pytest.approx(-8, abs=1)
    assert comparison.rest_parts["left"].value == pytest.approx(0, abs=1)


def test_rare_wake_ups_are_one_part() -> None:
    rare = {("app", "app"): 0.4, ("another process", "nginx"): 0.3}
    chains, _ = waiting_results(waiting_run({"tcp": TCP | rare, "unix": UNIX}))
    assert parts_of(chains[0])["wake-up", "", "other wake-ups"] == pytest.approx(0.7, rel=0.1)
    assert ("wake-up", "", "other wake-ups") not in parts_of(chains[1])


def test_a_run_without_traces_has_no_chains() -> None:
    run = waiting_run({"tcp": TCP, "unix": UNIX})
    for session in run.sessions:
        object.__setattr__(session, "record", session.record.model_copy(update={"waiting": None}))
    assert waiting_results(run) == ((), ())


def test_one_session_has_no_intervals_and_no_verdicts() -> None:
    chains, (comparison,) = waiting_results(waiting_run({"tcp": TCP, "unix": UNIX}, sessions=1))
    assert chains[0].left_us.low is None
    assert all(difference.verdict is None for difference in comparison.differences)
