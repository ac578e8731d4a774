"""Whether tools see the same sign, and what is said of one that does not."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.analysis.statistics.percentiles import resolution_step_us
from harness.analysis.statistics.series import SessionData
from harness.model import Experiment, ToolAgreement
from tests.support.factorial_experiments import by_transport
from tests.support.factorial_sessions import sessions_of, summary_of

TOOLS = by_transport("tool", ["client", "ab"])
WITHOUT_CLIENT = by_transport("tool", ["pyperf", "ab"])
WOBBLE = (0.0, 1.1, -1.3)


def sessions(experiment: Experiment, first: tuple[float, float], second: tuple[float, float]) -> list[SessionData]:
    """Three sessions; each tool's times over TCP and over the Unix socket, which differ a little from each other."""
    arms = [arm.name for arm in experiment.arms if arm.control_of is None]
    return sessions_of(*({arm: [us + extra] for arm, us in zip(arms, first + second, strict=True)} for extra in WOBBLE))


def sign(experiment: Experiment, seen: Sequence[SessionData]) -> ToolAgreement:
    (found,) = summary_of(experiment, seen).tool_signs
    return found


def test_tools_that_both_see_a_gain_see_the_same_sign() -> None:
    found = sign(TOOLS, sessions(TOOLS, (400, 350), (420, 380)))
    assert (found.tool, found.reference, found.verdict, found.why) == ("ab", "client", "same", ())
    assert (found.arm, found.against) == ("ab/uds-tmpfs", "ab/tcp")


def test_a_loss_where_our_client_sees_a_gain_is_the_opposite_sign() -> None:
    assert sign(TOOLS, sessions(TOOLS, (400, 350), (420, 480))).verdict == "opposite"


def test_without_our_client_the_first_tool_is_the_reference() -> None:
    found = sign(WITHOUT_CLIENT, sessions(WITHOUT_CLIENT, (400, 350), (420, 380)))
    assert (found.tool, found.reference) == ("ab", "pyperf")


@pytest.mark.parametrize(("first", "second"), [((400, 350), (400, 400)), ((400, 400), (400, 350))])
def test_an_interval_that_contains_zero_leaves_the_sign_undecided(
    first: tuple[float, float], second: tuple[float, float]
) -> None:
    found = sign(TOOLS, sessions(TOOLS, first, second))
    assert found.verdict == "undecided"
    assert any("contains zero" in sentence for sentence in found.why)


def test_steps_coarser_than_the_difference_are_told() -> None:
    seen = sessions_of(
        *({"client/tcp": [400 + extra], "client/uds-tmpfs": [350 + extra], "ab/tcp": [2000.0], "ab/uds-tmpfs": [us]}
          for extra, us in zip(WOBBLE, (2000.0, 3000.0, 2000.0), strict=True))
    )  # fmt: skip
    assert "The times of ab come in steps of 1000 us, and the difference is 50 us." in sign(TOOLS, seen).why


def test_failed_and_fewer_requests_are_told() -> None:
    first, *others = sessions(TOOLS, (400, 350), (420, 480))
    visits = tuple(
        visit.model_copy(update={"requests": 3}) if visit.arm == "ab/tcp" else visit for visit in first.record.visits
    )
    record = first.record.model_copy(update={"visits": visits, "failures": {"ab/tcp": {"short": 5}}})
    found = sign(TOOLS, [replace(first, record=record), *others])
    assert found.verdict == "undecided"
    no_verdict, fewer = found.why
    assert no_verdict.startswith("There is no verdict by ab: ab/tcp had 5 failed requests (short: 5)")
    assert fewer == "ab sent 43 requests over both arms where client sent 48."


def test_nothing_is_said_where_one_tool_asks() -> None:
    experiment = by_transport("placement", ["split", "shared"])
    assert summary_of(experiment, sessions(experiment, (400, 350), (420, 480))).tool_signs == ()


@pytest.mark.parametrize(
    ("values_us", "step"),
    [
        ([2000.0, 3000.0], 1000),
        ([2100.0, 3000.0], 100),
        ([2010.0, None], 10),
        ([1471.0, 1397.0], 1),
        ([1471.25], 0),
        ([None], 0),
        ([], 0),
        ([0.1 * 30 * 1000], 1000),
    ],
)
def test_steps_are_seen_in_the_times_themselves(values_us: list[float | None], step: float) -> None:
    assert resolution_step_us(values_us) == step
