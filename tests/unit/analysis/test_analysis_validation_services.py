"""Services visited in turn with bare arms: what their runtime adds, and whether the bare arms bear out their claims."""

from collections.abc import Mapping
from functools import cache
from itertools import pairwise

import pytest
from foreign_runs import floor, foreign
from imagined import LEVEL_US, run_of

from harness.analysis.validation.validate import Bare, validate
from harness.model import Arm, Design, Experiment, Settings
from harness.model.validation import Claim, Share, Validation
from harness.report.validation.sections import answer, sections

ADDED_US = 100.0
BARE = {"tcp": 1.0, "uds-dir": 0.9}
SLOWER = 1 + ADDED_US / LEVEL_US
PAIRS = (("uds-dir", "tcp"), ("box-sharedvolume", "box-tcp"), ("box-tcp", "tcp"), ("box-sharedvolume", "uds-dir"))


@cache
def held(there: tuple[float, float], pairs: tuple[tuple[str, str], ...] = PAIRS, failed: int = 0) -> Validation:
    """Two bare arms beside the services over TCP and over a socket, which take `there` times 400 us."""
    truth = {**BARE, "box-tcp": there[0], "box-sharedvolume": there[1]}
    arms = tuple(Arm(name=name, settings=_settings(name)) for name in truth)
    control = Arm(name="control", settings=arms[0].settings, control_of="tcp")
    experiment = Experiment(
        name="containers",
        question="How much of it is the container?",
        arms=(*arms, control),
        pairs=(("control", "tcp"), *pairs),
        design=Design(pairs=pairs),
    )
    failures = {"box-tcp": failed} if failed else {}
    run = run_of(truth, experiment=experiment, sessions=8, rounds=40, raw=False, failures=failures)
    records = [session.record for session in run.sessions]
    return validate(Bare(experiment=experiment, summary=run.summary, records=records, floor=floor()), ())


def _settings(name: str) -> Settings:
    if name.startswith("box"):
        return Settings(url=f"http://127.0.0.1:8081/{name}")
    return Settings(transport=name)


def shares(found: Validation) -> Mapping[str, Share]:
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
    assert share.us.high - share.us.low < 40


def test_a_pair_given_the_other_way_round_says_the_same() -> None:
    turned = tuple((against, arm) if arm == "box-tcp" else (arm, against) for arm, against in PAIRS)
    straight, other = (shares(held((SLOWER, 0.9), pairs))["box-tcp"].us for pairs in (PAIRS, turned))

    assert other.value == pytest.approx(straight.value, rel=0.05)
    assert other.low is not None
    assert other.high is not None
    assert other.low < other.value < other.high


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
        ((1.0, 1.01), "cannot be decided", "undecided"),
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


def test_requests_that_failed_decide_nothing() -> None:
    found = claim(held((1.0, 0.9), failed=3))

    assert found.standing == "cannot be decided"
    assert "failed requests" in found.reasons


def test_a_service_without_a_bare_arm_beside_it_has_no_share_and_is_told_how_to_get_one() -> None:
    found = held((SLOWER, 0.9), PAIRS[:2])
    said = " ".join(sentence for section in sections(found) for sentence in section.sentences)

    assert not found.shares
    assert not found.claims
    assert '["box-tcp", "tcp"]' in said


def test_the_answer_says_what_the_runtime_adds_before_what_became_of_claims() -> None:
    said = answer(held((SLOWER, 0.9)))

    assert said.startswith("In turn with the bare arms: box-tcp takes +")
    assert said.endswith("cannot be decided.") or "1 claim" in said


def test_the_start_of_a_service_is_said_to_be_outside_the_interval() -> None:
    said = [sentence for section in sections(held((SLOWER, 0.9))) for sentence in section.sentences]

    assert any("how lucky this one start was is not in the interval" in sentence for sentence in said)
    assert not any(sentence.startswith("From files") for sentence in said)


def test_files_beside_services_are_told_apart() -> None:
    headings = [section.heading for section in sections(held((SLOWER, 0.9)))]

    assert headings[0] == "Services visited in turn with the bare arms"
    assert all(one != other for one, other in pairwise(headings))
    assert foreign("tcp", 500.0).where not in headings[0]
