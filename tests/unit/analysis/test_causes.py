"""Who was busy, where the time goes, what set-up costs, what counting costs, and what is plausible."""

import pytest

from harness.analysis.why.counters import bottleneck
from harness.analysis.why.explain import floor_difference, plausibility
from harness.model import Interval, Settings
from tests.support.known_causes import (
    FLOOR,
    FLOORS,
    FULL,
    PARTS,
    TIMES,
    Truth,
    arm,
    experiment,
    records,
    summary,
    times,
)


def test_the_waterfall_leads_from_the_floor_to_the_full_chain() -> None:
    seen = summary(experiment(*FULL, *PARTS), records(times(**TIMES)))
    over_tcp, over_unix = seen.waterfalls
    assert [part.us.value for part in over_tcp.parts] == pytest.approx([90, 250, 150, -40], abs=2)
    assert [part.us.value for part in over_unix.parts] == pytest.approx([70, 255, 150, -45], abs=2)


def test_its_parts_add_up_to_the_whole() -> None:
    for one in summary(experiment(*FULL, *PARTS), records(times(**TIMES))).waterfalls:
        assert one.total_us.low is not None
        assert one.total_us.high is not None
        assert one.total_us.low <= one.sum_us <= one.total_us.high


def test_without_all_parts_there_is_no_waterfall() -> None:
    some = {name: us for name, us in TIMES.items() if name != "app unix"}
    arms = [one for one in (*FULL, *PARTS) if one.name in some]
    assert [one.arm for one in summary(experiment(*arms), records(times(**some))).waterfalls] == ["tcp"]


def test_what_goes_away_with_kept_connections_was_setting_them_up() -> None:
    arms = [arm(f"{name}{keep}", transport=name, keepalive=keep) for keep in (0, 16) for name in ("tcp", "uds-tmpfs")]
    truth = times(**{"tcp0": 450, "uds-tmpfs0": 430, "tcp16": 400, "uds-tmpfs16": 395})
    opens = {"tcp0": 1.0, "uds-tmpfs0": 0.0, "tcp16": 0.0, "uds-tmpfs16": 0.0}
    counted = {name: {**of, "hop.active_opens": opens[name]} for name, of in truth.items()}
    pairs = (("uds-tmpfs0", "tcp0"), ("uds-tmpfs16", "tcp16"))
    (found,) = summary(experiment(*arms, pairs=pairs), records(counted)).setups
    assert (found.arm, found.kept_arm) == ("uds-tmpfs0", "uds-tmpfs16")
    assert found.setup_us.value == pytest.approx(-15, abs=1)
    assert found.opens
    assert found.kept_opens
    assert (found.opens.value, found.kept_opens.value) == (1, 0)


@pytest.mark.parametrize(
    ("utilisation", "bound"),
    [
        ({"client": 0.95, "nginx": 0.2, "app": 0.5}, "client-bound"),
        ({"client": 0.3, "nginx": 0.93, "app": 0.5}, "proxy-bound"),
        ({"client": 0.3, "nginx": 0.2, "app": 0.97}, "app-bound"),
        ({"client": 0.3, "nginx": 0.3, "app": 0.6}, "latency-bound"),
        ({}, "latency-bound"),
    ],
)
def test_whoever_is_always_at_work_is_the_bottleneck(utilisation: dict[str, float], bound: str) -> None:
    apart = {role: (number,) for number, role in enumerate(utilisation)}
    assert bottleneck(utilisation, utilisation, apart) == (bound, ())


def test_roles_that_fill_a_cpu_only_together_are_a_bottleneck_too() -> None:
    busy = {"client": 0.6, "nginx": 0.35, "app": 0.3}
    assert bottleneck(busy, busy, {"client": (1,), "nginx": (1,), "app": (0,)}) == ("client-bound", ("client", "nginx"))
    assert bottleneck(busy, busy, {"client": (2,), "nginx": (1,), "app": (0,)}) == ("latency-bound", ())


def test_one_cpu_for_all_is_full_when_all_of_it_is_used() -> None:
    busy = {"client": 0.2, "nginx": 0.2, "app": 0.55}
    everybody = dict.fromkeys(busy, (0,))
    assert bottleneck(busy, busy, everybody) == ("app-bound", ("client", "nginx", "app"))


def test_no_rate_is_claimed_where_the_client_set_the_pace() -> None:
    truth: Truth = {"time_us": 100, "client.cpu_us": 96, "nginx.cpu_us": 10, "app.cpu_us": 10}
    seen = summary(experiment(*FULL), records({"tcp": truth, "unix": {**truth, "client.cpu_us": 50}}))
    assert [load.bound for load in seen.loads] == ["client-bound", "latency-bound"]
    assert seen.arms["tcp"].requests_per_s is None
    assert seen.arms["unix"].requests_per_s


@pytest.mark.parametrize(("counting", "percent"), [(1.0, 0.0), (1.03, 3.0)])
def test_what_reading_counters_costs_is_seen(counting: float, percent: float) -> None:
    truth: Truth = {"time_us": 450, "nginx.cpu_us": 1, "app.cpu_us": 1, "net.segments_out": 20}
    found = summary(experiment(*FULL), records({"tcp": truth, "unix": truth}, counting=counting)).counting_percent
    assert found
    assert found.low is not None
    assert found.high is not None
    assert found.low - 0.5 < percent < found.high + 0.5


def test_where_nothing_is_counted_counting_costs_nothing_that_is_known() -> None:
    assert summary(experiment(*FULL), records(times(tcp=450, unix=430))).counting_percent is None


@pytest.mark.parametrize(
    ("time_us", "judged"),
    [
        ((-15, -18, -12), "plausible"),
        ((-45, -50, -40), "beyond the floor"),
        ((-150, -160, -140), "implausible"),
        ((12, 9, 15), "the other way"),
        ((3, -4, 10), "plausible"),
    ],
)
def test_a_difference_is_held_against_what_transports_can_cost(time_us: tuple[float, ...], judged: str) -> None:
    """The floor: a Unix socket takes 20 us less, an exchange over TCP 60 us."""
    value, low, high = time_us
    floor_us = Interval(value=-20, low=-22, high=-18)
    assert plausibility(Interval(value=value, low=low, high=high), floor_us, 60) == judged


def test_an_earlier_floor_serves_a_run_that_has_none_of_its_own() -> None:
    (found,) = summary(experiment(*FULL), records(times(tcp=450, unix=435)), FLOOR).explanations
    assert found.floor_us
    assert found.floor_us.value == pytest.approx(-20)
    assert found.exchange_us == pytest.approx(60)
    assert found.plausibility == "plausible"


def test_a_kept_hop_is_held_against_a_standing_connection() -> None:
    kept = arm("tcp", keepalive=16), arm("unix", transport="uds-tmpfs", keepalive=16)
    (found,) = summary(experiment(*kept), records(times(tcp=400, unix=396)), FLOOR).explanations
    assert found.floor_us
    assert found.floor_us.value == pytest.approx(-5)


def test_the_floor_of_the_same_run_comes_before_an_earlier_one() -> None:
    seen = summary(
        experiment(*FULL, *FLOORS),
        records(times(**{name: TIMES[name] for name in ("tcp", "unix", "floor tcp", "floor unix")})),
        FLOOR,
    )
    found = next(one for one in seen.explanations if one.arm == "unix")
    assert found.exchange_us == pytest.approx(90, abs=3)


def test_a_floor_of_another_size_says_nothing() -> None:
    large = [
        arm(name, transport=name).model_copy(update={"settings": Settings(transport=name, path="/bytes/1000000")})
        for name in ("tcp", "uds-tmpfs")
    ]
    (found,) = summary(experiment(*large), records(times(**{"tcp": 1450, "uds-tmpfs": 1200})), FLOOR).explanations
    assert (found.floor_us, found.plausibility) == (None, "unknown")


def test_a_floor_of_two_cpus_says_nothing_of_one_that_all_share() -> None:
    shared = [
        arm(name).model_copy(update={"settings": Settings(transport=name, placement="shared")})
        for name in ("tcp", "uds-tmpfs")
    ]
    (found,) = summary(experiment(*shared), records(times(**{"tcp": 450, "uds-tmpfs": 430})), FLOOR).explanations
    assert found.floor_us is None


def test_parts_over_other_kinds_of_connections_are_no_parts() -> None:
    kept = [
        one.model_copy(update={"settings": one.settings.model_copy(update={"client_keepalive": True})})
        for one in (*FULL, *PARTS)
    ]
    assert summary(experiment(*kept), records(times(**TIMES))).waterfalls == ()


def test_a_part_that_failed_is_no_part() -> None:
    seen = records(times(**TIMES))
    failed = [seen[0].model_copy(update={"failures": {"nginx": {"502": 1}}}), *seen[1:]]
    assert summary(experiment(*FULL, *PARTS), failed).waterfalls == ()


def test_a_transport_that_was_not_measured_has_no_floor() -> None:
    assert floor_difference(FLOOR, "connect", ("uds-dir", "tcp"), 83) is None
