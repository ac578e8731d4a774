"""Services visited in turn with bare arms: what their runtime adds, and whether the bare arms bear out their claims."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from harness.analysis.validation.bare_run import BareRun, mirror
from harness.analysis.validation.services import effect_with_start, paired_effect
from harness.analysis.validation.validate import validate
from harness.model import Arm, Design, Experiment, Record, Schedule, Settings, VisitRow
from harness.model.validation import Claim, RuntimeShare, Validation
from harness.report.commands.validation import validation_answer, validation_report
from tests.support.imported_runs import floor, foreign
from tests.support.simulated_run import LEVEL_US, run_of

ADDED_US = 100.0
LUCK, NOISE_US = 0.015, 3.0
SESSIONS, ROUNDS, EXPERIMENTS = 8, 9, 400
BARE = {"tcp": 1.0, "uds-dir": 0.9}
SLOWER = 1 + ADDED_US / LEVEL_US
PAIRS = (("uds-dir", "tcp"), ("box-sharedvolume", "box-tcp"), ("box-tcp", "tcp"), ("box-sharedvolume", "uds-dir"))


@cache
def held(
    there: tuple[float, float], pairs: tuple[tuple[str, str], ...] = PAIRS, failed: int = 0, connections: int = 1
) -> Validation:
    """Two bare arms beside the services over TCP and over a socket, which take `there` times 400 us."""
    truth = {**BARE, "box-tcp": there[0], "box-sharedvolume": there[1]}
    arms = tuple(Arm(name=name, settings=_settings(name, connections)) for name in truth)
    control = Arm(name="control", settings=arms[0].settings, control_of="tcp")
    experiment = Experiment(
        name="containers",
        question="How much of it is the container?",
        arms=(*arms, control),
        pairs=(("control", "tcp"), *pairs),
        design=Design(pairs=pairs, equivalence_percent=0.2),
    )
    failures = {"box-tcp": failed} if failed else {}
    run = run_of(truth, experiment=experiment, sessions=8, rounds=40, raw=False, failures=failures)
    records = [session.record for session in run.sessions]
    return validate(BareRun(experiment=experiment, summary=run.summary, records=records, floor=floor()), ())


def _settings(name: str, connections: int) -> Settings:
    if name.startswith("box"):
        asked_with = connections if name == "box-tcp" else 1
        return Settings(url=f"http://127.0.0.1:8081/{name}", connections=asked_with)
    return Settings(transport=name)


def shares(found: Validation) -> Mapping[str, RuntimeShare]:
    return {share.architecture: share for share in found.shares}


def claim(found: Validation) -> Claim:
    (only,) = found.claims
    return only


def test_a_service_that_is_slower_by_a_known_100_us_is_found_to_be_that_as_the_runtime_s_share() -> None:
    share = shares(held((SLOWER, 0.9)))["box-tcp"]

    assert share.arm == "tcp"
    assert share.interval == "pairs"
    assert share.us.low is not None
    assert share.us.high is not None
    added_us = share.bare_us.value * ADDED_US / LEVEL_US  # the level wanders, and what is added with it
    assert share.us.low < added_us < share.us.high
    assert share.us.high - share.us.low < 100


def test_a_pair_given_the_other_way_round_says_the_same() -> None:
    turned = tuple((against, arm) if arm == "box-tcp" else (arm, against) for arm, against in PAIRS)
    straight, other = (shares(held((SLOWER, 0.9), pairs))["box-tcp"].us for pairs in (PAIRS, turned))

    assert other == straight


def started(rng: np.random.Generator, added_us: float = ADDED_US) -> list[Record]:
    """Sessions of a bare arm whose starts differ by luck, and of a service that is as lucky as its one start was."""
    service_us = (LEVEL_US + added_us) * (1 + rng.normal(0, LUCK))
    schedule = Schedule(sessions=SESSIONS, rounds=ROUNDS, burst=10, settle=0, reason="given")
    return [
        Record(
            session=session,
            started_utc="2026-03-01T10:00:00+00:00",
            seconds={"total": 1.0},
            schedule=schedule,
            proofs={},
            failures={},
            visits=tuple(_visits(LEVEL_US * (1 + rng.normal(0, LUCK)), service_us, rng)),
        )
        for session in range(1, SESSIONS + 1)
    ]


def _visits(bare_us: float, box_us: float, rng: np.random.Generator) -> Iterator[VisitRow]:
    for round_ in range(ROUNDS):
        drift_us = rng.normal(0, 40)
        for order, (arm, us) in enumerate((("tcp", bare_us), ("box", box_us))):
            mean_us = us + drift_us + rng.normal(0, NOISE_US)
            yield VisitRow(round=round_, order=order, arm=arm, requests=10, mean_us=mean_us)


@pytest.mark.parametrize(("added_us", "most"), [(ADDED_US, 0.985), (3 * LEVEL_US, 1.0)])
def test_the_luck_of_a_service_s_one_start_is_in_its_share_s_interval_and_in_no_plain_one(
    added_us: float, most: float
) -> None:
    rng = np.random.default_rng(3)
    inside, inside_plain = 0, 0
    for _ in range(EXPERIMENTS):
        records = started(rng, added_us)
        seen, plain = effect_with_start(records, ("box", "tcp")), paired_effect(records, ("box", "tcp"))
        assert seen is not None
        assert plain is not None
        low, high = seen.difference_us.interval(0.95)
        plain_low, plain_high = plain.difference_us.interval(0.95)
        inside += low <= added_us <= high
        inside_plain += plain_low <= added_us <= plain_high

    assert 0.92 <= inside / EXPERIMENTS <= most
    assert inside_plain / EXPERIMENTS < 0.75


def test_a_single_session_has_no_interval() -> None:
    assert paired_effect(started(np.random.default_rng(1))[:1], ("box", "tcp")) is None


def test_each_transport_is_held_against_its_own_arm() -> None:
    found = shares(held((SLOWER, 0.9)))

    assert {name: (share.arm, share.transport) for name, share in found.items()} == {
        "box-tcp": ("tcp", "tcp"),
        "box-sharedvolume": ("uds-dir", "uds"),
    }


@pytest.mark.parametrize(
    ("there", "standing", "reason"),
    [
        ((1.0, 0.9), "confirmed", "agrees"),
        ((1.0, 1.1), "contradicted", "disagrees"),
        ((1.0, 1.003), "cannot be decided", "undecided"),
    ],
)
def test_a_socket_s_gain_in_containers_is_held_against_that_of_the_bare_arms(
    there: tuple[float, float], standing: str, reason: str
) -> None:
    found = claim(held(there))

    assert (found.architecture, found.against, found.standing) == ("box-sharedvolume", "box-tcp", standing)
    assert reason in found.reasons
    assert found.bare is not None
    assert (found.bare.arm, found.bare.against) == ("uds-dir", "tcp")


def test_a_loss_that_no_socket_can_cost_is_named() -> None:
    found = claim(held((1.0, 2.0)))

    assert found.beyond
    assert found.standing == "contradicted"
    assert "beyond a socket" in found.reasons


def test_services_that_were_asked_otherwise_are_neither_held_against_each_other_nor_against_bare_arms() -> None:
    found = held((1.0, 0.9), connections=4)
    said = " ".join(sentence for section in validation_report(found).sections for sentence in section.sentences)

    assert claim(found).standing == "cannot be decided"
    assert "asked otherwise" in claim(found).reasons
    assert list(shares(found)) == ["box-sharedvolume"]
    assert "box-tcp and tcp were measured with different client settings (connections)" in said


def test_a_pair_of_services_given_the_other_way_round_claims_the_same() -> None:
    turned = tuple(
        (against, arm) if arm in ("uds-dir", "box-sharedvolume") else (arm, against) for arm, against in PAIRS
    )
    straight, other = claim(held((1.0, 0.9))), claim(held((1.0, 0.9), turned))

    assert (other.architecture, other.against, other.standing) == ("box-sharedvolume", "box-tcp", "confirmed")
    assert other.us == straight.us
    assert other.bare is not None
    assert other.bare.verdict == "faster"


def test_requests_that_failed_decide_nothing() -> None:
    found = claim(held((1.0, 0.9), failed=3))

    assert found.standing == "cannot be decided"
    assert "failed requests" in found.reasons


def test_a_service_without_a_bare_arm_beside_it_has_no_share_and_is_told_how_to_get_one() -> None:
    found = held((SLOWER, 0.9), PAIRS[:2])
    said = " ".join(sentence for section in validation_report(found).sections for sentence in section.sentences)

    assert not found.shares
    assert not found.claims
    assert '["box-tcp", "tcp"]' in said


def test_the_answer_says_what_the_runtime_adds_before_what_became_of_claims() -> None:
    said = validation_answer(held((SLOWER, 0.9)))

    assert said.startswith("Interleaved with the bare arms: box-tcp against tcp +")
    assert "The only claim" in said


def test_the_start_of_a_service_is_said_to_be_in_the_interval() -> None:
    said = [sentence for section in validation_report(held((SLOWER, 0.9))).sections for sentence in section.sentences]

    assert any("widened for the variance between starts" in sentence for sentence in said)
    assert not any(sentence.startswith("From files") for sentence in said)


def test_files_beside_services_are_told_apart() -> None:
    headings = [section.heading for section in validation_report(held((SLOWER, 0.9))).sections]

    assert headings[:2] == ["Claimed and here", "Services interleaved with the bare arms"]
    assert all(one != other for one, other in pairwise(headings))
    assert foreign("tcp", 500.0).where not in headings[1]


def test_a_comparison_seen_from_its_reference_and_back_is_the_same() -> None:
    one = claim(held((1.0, 0.9))).bare
    assert one is not None
    turned = mirror(one)

    assert (turned.arm, turned.against, turned.verdict) == (one.against, one.arm, "slower")
    assert turned.percent_low is not None
    assert turned.percent is not None
    assert turned.percent_high is not None
    assert 0 < turned.percent_low < turned.percent < turned.percent_high
    assert mirror(turned).percent == pytest.approx(one.percent)
    assert mirror(one.model_copy(update={"percent": -100.0})).percent is None
