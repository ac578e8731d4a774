"""What is too large is refused by counting, with the number seen, the limit, and what would do instead."""

from itertools import count

import pytest

from harness.experiment.cost import nominal_cost
from harness.experiment.document import parse_document
from harness.experiment.plan import MAX_STORED_VISITS, orders_of, plan_of
from harness.experiment.read import arm_count
from harness.experiment.schedule import schedule_of
from harness.experiment.visit_order import session_orders
from harness.model import Design, Plan
from tests.support.experiment_files import TWO_ARMS, read, refusal, refusals


def factors(number: int, levels: int, *design: str) -> str:
    lines = (f'"knobs.net.ipv4.conf.x{place}.y" = {list(range(levels))}' for place in range(number))
    return "\n".join(["[factors]", *lines, "[design]", *design, ""])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            factors(24, 2),
            '24 factors make 16777216 arms; a run has at most 256. Choose design.screen = "one-at-a-time" (25 arms), '
            "or leave out levels.",
        ),
        (
            factors(11, 2),
            '11 factors make 2048 arms; a run has at most 256. Choose design.screen = "one-at-a-time" (12 arms) or '
            '"plackett-burman" (12 arms) or "resolution-iv" (24 arms), or leave out levels.',
        ),
        (
            factors(10, 50),
            f"10 factors make {50**10} arms; a run has at most 256. Leave out levels, factors or arms.",
        ),
        (
            factors(12, 2, 'screen = "factorial"'),
            '12 factors make 4096 arms; a run has at most 256. Choose design.screen = "one-at-a-time" (13 arms) or '
            '"plackett-burman" (16 arms) or "resolution-iv" (24 arms), or leave out levels.',
        ),
        (
            factors(2, 200, 'screen = "one-at-a-time"'),
            "2 factors make 399 arms; a run has at most 256. Leave out levels, factors or arms.",
        ),
    ],
)
def test_too_many_arms_are_counted_and_not_built(text: str, sentence: str) -> None:
    assert refusal(text) == sentence


def test_other_problems_are_told_beside_too_many_arms() -> None:
    assert len(refusals(factors(24, 2, "budget_s = -1"))) == 2


def test_arms_of_tables_are_limited_too() -> None:
    text = "\n".join(f"[arms.a{number}]\nworkers = {number % 200 + 1}" for number in range(300))
    assert "make 300 arms; a run has at most 256" in refusal(text)


@pytest.mark.parametrize("screen", ["one-at-a-time", "factorial", "plackett-burman", "resolution-iv"])
@pytest.mark.parametrize("number", [4, 5, 6])
def test_the_count_is_that_of_the_arms_that_are_made(screen: str, number: int) -> None:
    lines = [f'"knobs.net.ipv4.{name}" = [1, 0]' for name, _ in zip(KNOBS, range(number), strict=False)]
    text = "\n".join(["[factors]", *lines, "[design]", f'screen = "{screen}"', "control = false"])
    document = parse_document(
        {"factors": {f"knobs.net.ipv4.{name}": [1, 0] for name, _ in zip(KNOBS, count(0), strict=False)}}
    )
    fewer = document.model_copy(update={"factors": dict(list(document.factors.items())[:number])})
    assert len(read(text).arms) == arm_count(fewer, Design(screen=screen))  # type: ignore[arg-type]


KNOBS = ("tcp_sack", "tcp_ecn", "tcp_autocorking", "tcp_frto", "ip_early_demux", "tcp_timestamps", "tcp_window_scaling")


def test_stacks_that_would_run_at_once_are_limited() -> None:
    text = "\n".join(["[factors]", f"workers = {list(range(1, 70))}"])
    assert refusal(text).startswith("The arms need 69 stacks at the same time; a run has at most 64.")


def test_requests_of_a_session_and_seconds_of_a_run_are_limited() -> None:
    assert "make 30000000 requests per session; the limit is 20000000" in refusal(
        TWO_ARMS, "design.rounds=1000000", "design.burst=8", "design.settle=2"
    )
    assert "the limit is 604800 s" in refusal(TWO_ARMS, "design.sessions=10000", "design.rounds=600000")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[factors]\nworkers = [" + "1," * 2000 + "]", "factors.workers has 2000 entries; at most 1000 are read."),
        ("[arm]\nsandbox = [" + '"user",' * 5000 + "]", "arm.sandbox has 5000 entries; at most 1000 are read."),
        ("\n".join(f"[arms.a{number}]" for number in range(1500)), "arms has 1500 entries; at most 1000 are read."),
        ("arm" + ".a" * 200 + " = 1", "is nested 9 deep; at most 8 are read."),
        ("x = " + "[" * 60 + "]" * 60, "is nested 9 deep; at most 8 are read."),
    ],
)
def test_lists_and_tables_that_nobody_writes_are_refused_at_once(text: str, sentence: str) -> None:
    assert sentence in refusal(text)


def test_a_plan_of_ten_hours_has_no_orders_but_gives_them_from_its_seed() -> None:
    experiment = read(TWO_ARMS, "design.budget_s=36000")
    plan = plan_of(experiment, schedule_of(experiment, nominal_cost(experiment)))
    assert plan.orders == ()
    assert len(plan.model_dump_json()) < 10_000
    expected = session_orders(experiment, 3, 50)
    assert tuple(order for order, _ in zip(orders_of(plan, 3), range(50), strict=False)) == expected


def test_a_plan_that_can_be_read_has_its_orders_and_an_older_one_keeps_its_own() -> None:
    experiment = read(TWO_ARMS)
    plan = plan_of(experiment, schedule_of(experiment, nominal_cost(experiment)))
    places = sum(len(order) for session in plan.orders for order in session)
    assert 0 < places <= MAX_STORED_VISITS
    assert tuple(orders_of(plan, 2)) == plan.orders[1] == session_orders(experiment, 2, len(plan.orders[1]))
    older = Plan.model_validate(plan.model_dump() | {"orders": [[[2, 1, 0]]] * 30})
    assert list(orders_of(older, 1)) == [(2, 1, 0)]


def test_a_long_plan_of_fixed_rounds_ends_with_them() -> None:
    experiment = read(TWO_ARMS, "design.sessions=2", "design.rounds=20000", "design.burst=1", "design.settle=0")
    plan = plan_of(experiment, schedule_of(experiment, None))
    assert plan.orders == ()
    assert sum(1 for _ in orders_of(plan, 1)) == 20000
