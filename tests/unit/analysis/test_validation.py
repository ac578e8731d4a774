"""What becomes of claims from elsewhere: of the write-up's six, and of others with other numbers."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.validation.claims import KnownDifference, decide_claim
from harness.analysis.validation.validate import validate
from harness.imports.read import read_runs
from harness.model.tools import ImportedRun
from harness.model.validation import Claim, ClaimReason
from harness.session.validate import seed_results
from tests.support.imported_runs import bare, floor, foreign, repeated

SEED = seed_results()
CLAIMS = Path(__file__).parents[2] / "data" / "foreign" / "table" / "claims.csv"
FARGATE = ["fargate-x86_64", "fargate-arm64"]
OBSTACLES: list[ClaimReason] = [
    "does not add up",
    "failed requests",
    "single runs",
    "bare undecided",
    "no bare comparison",
]

times_us = st.floats(1, 1e7)
ends_us = st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)).map(sorted)
findings = st.builds(
    lambda ends, same: KnownDifference((ends[0] > 0) - (ends[1] < 0), ends[0], ends[1], same), ends_us, st.booleans()
)


def only(runs: list[ImportedRun], unix: float = 0.95) -> Claim:
    (claim,) = validate(bare(unix), runs).claims
    return claim


def seed_claims(runs: tuple[ImportedRun, ...] = SEED) -> dict[tuple[str, str], Claim]:
    return {(claim.where, claim.architecture): claim for claim in validate(bare(), runs).claims}


def changed(where: str, architecture: str, **fields: object) -> tuple[ImportedRun, ...]:
    """The write-up's table with another cell."""
    return tuple(
        replace(one, **fields) if (one.where, one.architecture) == (where, architecture) else one  # type: ignore[arg-type]
        for one in SEED
    )


def test_single_runs_decide_none_of_the_write_up_s_six_claims() -> None:
    claims = seed_claims()

    assert len(claims) == 6
    assert {claim.standing for claim in claims.values()} == {"cannot be decided"}
    assert all("single runs" in claim.reasons for claim in claims.values())


def test_what_fargate_loses_is_more_than_a_socket_can_cost_and_nothing_else_is() -> None:
    beyond = [key for key, claim in seed_claims().items() if "beyond a socket" in claim.reasons]

    assert beyond == [(where, architecture) for where in FARGATE for architecture in ("sharedvolume", "combined")]


def test_the_row_that_contradicts_itself_is_named_and_no_other() -> None:
    misfits = [key for key, claim in seed_claims().items() if "does not add up" in claim.reasons]
    (claim,) = (claim for key, claim in seed_claims().items() if key in misfits)

    assert misfits == [("docker-desktop-macos", "combined")]
    assert claim.us == pytest.approx(400)
    assert claim.by_rate_us == pytest.approx(-53.7, abs=0.1)
    assert claim.beyond is None


def test_a_row_that_adds_up_is_not_named() -> None:
    mended = seed_claims(changed("docker-desktop-macos", "combined", mean_us=1417.0))

    assert "does not add up" not in mended["docker-desktop-macos", "combined"].reasons


def test_a_small_loss_is_not_more_than_a_socket_can_cost() -> None:
    mended = seed_claims(changed("fargate-x86_64", "sharedvolume", mean_us=2294.0, requests_per_s=435.9))

    assert mended["fargate-x86_64", "sharedvolume"].beyond is False


def test_where_exchanges_are_dear_nothing_is_too_much() -> None:
    dear = replace(bare(), floor=floor([500.0, 510.0, 520.0], [490.0, 500.0, 510.0]))

    assert not any(claim.beyond for claim in validate(dear, SEED).claims)


def test_without_a_floor_nothing_is_called_too_much() -> None:
    assert {claim.beyond for claim in validate(bare(with_floor=False), SEED).claims} == {None}


def test_other_rows_of_a_file_tell_how_many_connections_a_row_had() -> None:
    untold = tuple(replace(one, connections=None) for one in SEED)

    assert seed_claims(untold)["docker-desktop-macos", "combined"].by_rate_us == pytest.approx(-53.7, abs=0.1)
    assert "does not add up" in seed_claims(untold)["docker-desktop-macos", "combined"].reasons


def test_a_lone_row_without_its_connections_is_taken_as_it_is() -> None:
    claim = only(
        [foreign("tcp", 500.0, connections=None), foreign("vol", 660.0, connections=None, requests_per_s=2000)]
    )

    assert "does not add up" not in claim.reasons


def test_repeated_runs_that_show_what_is_so_here_confirm_it() -> None:
    claim = only([*repeated("tcp", 400.0), *repeated("vol", 380.0)])

    assert (claim.standing, claim.reasons) == ("confirmed", ("agrees",))
    assert claim.us_low is not None
    assert claim.us_high is not None
    assert claim.us_low < -20 < claim.us_high


def test_repeated_runs_that_show_the_other_sign_are_contradicted() -> None:
    claim = only([*repeated("tcp", 400.0), *repeated("vol", 430.0)])

    assert (claim.standing, claim.reasons) == ("contradicted", ("disagrees",))


def test_repeated_runs_that_lose_more_than_a_socket_can_cost_are_contradicted() -> None:
    claim = only([*repeated("tcp", 400.0), *repeated("vol", 600.0)])

    assert (claim.standing, claim.reasons) == ("contradicted", ("beyond a socket",))


def test_the_same_sign_with_another_size_is_said_to_have_another_size() -> None:
    claim = only([*repeated("tcp", 400.0), *repeated("vol", 330.0)])

    assert (claim.standing, claim.reasons) == ("confirmed", ("agrees", "other size"))


def test_repeated_runs_that_scatter_too_far_decide_nothing() -> None:
    claim = only([*repeated("tcp", 400.0, half_range_us=90), *repeated("vol", 380.0, half_range_us=90)])

    assert (claim.standing, claim.reasons) == ("cannot be decided", ("includes zero",))


def test_a_difference_that_a_slow_service_hides_is_too_coarse_to_contradict() -> None:
    claim = only([*repeated("tcp", 9000.0, half_range_us=30), *repeated("vol", 8990.0, half_range_us=30)])

    assert (claim.standing, claim.reasons) == ("cannot be decided", ("too coarse",))


def test_where_nothing_differs_here_nor_there_that_is_confirmed() -> None:
    claim = only([*repeated("tcp", 400.0, half_range_us=1), *repeated("vol", 400.0, half_range_us=1)], unix=1.0)

    assert (claim.standing, claim.reasons) == ("confirmed", ("agrees",))


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("failed requests", [foreign("vol", 380.0, failures=3), foreign("vol", 381.0)]),
        ("other connections", [foreign("vol", 380.0, connections=8), foreign("vol", 381.0, connections=8)]),
        ("no time", [foreign("vol", None), foreign("vol", None)]),
        ("single runs", [foreign("vol", 380.0)]),
    ],
)
def test_what_keeps_repeated_runs_from_deciding(reason: ClaimReason, ours: list[ImportedRun]) -> None:
    claim = only([*repeated("tcp", 400.0), *ours])

    assert claim.standing == "cannot be decided"
    assert reason in claim.reasons


def test_an_architecture_without_a_transport_has_nothing_to_be_held_against() -> None:
    ours = [replace(one, transport="") for one in repeated("mesh", 380.0)]

    assert only([*repeated("tcp", 400.0), *ours]).reasons == ("no bare comparison",)


def test_where_the_bare_arms_differ_in_more_a_large_difference_is_no_reproach_to_the_socket() -> None:
    here = bare(1.5)
    shared = here.summary.arms["uds-dir"].model_copy(
        update={"settings": {"transport": "uds-dir", "placement": "shared"}}
    )
    summary = here.summary.model_copy(update={"arms": here.summary.arms | {"uds-dir": shared}})
    (claim,) = validate(replace(here, summary=summary), [*repeated("tcp", 400.0), *repeated("vol", 600.0)]).claims

    assert claim.besides == ("placement",)
    assert claim.beyond
    assert (claim.standing, claim.reasons) == ("confirmed", ("agrees",))


def test_a_place_without_tcp_claims_nothing() -> None:
    found = validate(bare(), [foreign("vol", 380.0)])

    assert found.claims == ()
    assert [row.architecture for row in found.rows] == ["vol"]


def test_a_rate_over_many_connections_claims_by_itself_and_has_its_chance() -> None:
    runs = [
        foreign(name, None, requests=12000, connections=32, requests_per_s=rate)
        for name, rate in (("tcp", 5000.0), ("vol", 5500.0))
    ]
    claim = only(runs)

    assert claim.us is None
    assert claim.percent == pytest.approx(100 * (5000 / 5500 - 1))
    assert claim.chance is not None
    assert {"no time", "single runs"} <= set(claim.reasons)


def test_several_rates_over_many_connections_are_no_single_runs() -> None:
    runs = [foreign(name, None, connections=32, requests_per_s=5000.0) for name in ("tcp", "vol") for _ in range(2)]
    claim = only(runs)

    assert "single runs" not in claim.reasons
    assert claim.chance is None


def test_a_claim_from_rates_over_one_connection_is_one_of_times() -> None:
    found = {(claim.where, claim.architecture): claim for claim in validate(bare(), read_runs(CLAIMS)).claims}

    assert len(found) == 5
    assert all(claim.chance is not None for claim in found.values())
    assert found["freebsd-native", "unix"].us == pytest.approx(1e6 / 793 - 1e6 / 769)
    assert [key for key, claim in found.items() if "no time" in claim.reasons] == [
        ("rackspace-vm", "unix"),
        ("rackspace-vm", "gunicorn"),
    ]


def test_a_rate_that_was_asked_for_is_held_against_no_time() -> None:
    asked = [
        replace(foreign(name, 400.0, connections=50, requests_per_s=49.97), is_rate_asked=True)
        for name in ("tcp", "vol")
    ]
    found = validate(bare(), asked)

    assert [row.by_rate_us for row in found.rows] == [None, None]
    assert all(row.adds_up for row in found.rows)
    busy = [replace(run, requests_per_s=1e6) for run in asked]
    assert all(row.adds_up for row in validate(bare(), busy).rows)


@settings(max_examples=25)
@given(times_us, times_us, st.sampled_from([None, 100, 100_000]))
def test_single_runs_never_decide(ours: float, theirs: float, requests: int | None) -> None:
    runs = [foreign("tcp", theirs, requests=requests), foreign("vol", ours, requests=requests)]
    claim = only(runs)

    assert claim.standing == "cannot be decided"
    assert claim.chance is not None
    assert 0 <= claim.chance <= 1


@given(findings, findings, st.booleans())
def test_exchanging_the_labels_on_both_sides_changes_no_verdict(
    claim: KnownDifference, here: KnownDifference, beyond: bool
) -> None:
    swapped = [KnownDifference(-one.sign, -one.high_us, -one.low_us, one.is_equivalent) for one in (claim, here)]

    assert decide_claim([], claim, here, beyond=beyond) == decide_claim([], swapped[0], swapped[1], beyond=beyond)


@given(st.lists(st.sampled_from(OBSTACLES), min_size=1), findings, findings, st.booleans())
def test_an_obstacle_always_keeps_from_deciding(
    obstacles: list[ClaimReason], claim: KnownDifference, here: KnownDifference, beyond: bool
) -> None:
    standing, reasons = decide_claim(obstacles, claim, here, beyond=beyond)

    assert standing == "cannot be decided"
    assert set(obstacles) <= set(reasons)


@given(findings, st.booleans())
def test_what_agrees_with_itself_is_never_contradicted_but_for_its_size(claim: KnownDifference, beyond: bool) -> None:
    standing, _ = decide_claim([], claim, claim, beyond=beyond)

    assert (standing == "contradicted") == (beyond and (bool(claim.sign) or claim.is_equivalent))
