"""What is said of a budget before anything starts."""

import pytest

from harness.experiment.schedule import forecast_of
from harness.report.caveats import short_budget_warning
from tests.support.experiment_files import TWO_ARMS, read

SEARCH = ("arm.p99_limit_ms=10", "arm.client_keepalive=true")


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("arm.tool=pyperf",),
        ("arm.tool=ab", "arm.tool_requests=20000"),
        ("arm.rate=20%", "arms.tcp.rate=80%"),
        ("arm.connections=64",),
        SEARCH,
    ],
)
def test_a_budget_is_kept_or_its_least_is_said_with_the_seconds(settings: tuple[str, ...]) -> None:
    for budget_s in (1, 5, 25, 60, 120, 400):
        experiment = read(TWO_ARMS, *settings, f"design.budget_s={budget_s}")
        forecast = forecast_of(experiment)
        sentence = short_budget_warning(experiment, forecast)
        assert forecast.seconds <= budget_s + 1e-6 or f"about {forecast.min_s:.0f} s" in sentence
        assert bool(sentence) == (forecast.min_s > budget_s)


def test_the_sentence_names_the_budget_the_sessions_and_the_seconds() -> None:
    experiment = read(TWO_ARMS, "design.budget_s=5")
    assert short_budget_warning(experiment, forecast_of(experiment)) == (
        "The budget of 5 s is too short: the minimum, 8 sessions, takes about 16 s, start and report "
        "included. The run takes that long."
    )
    fixed = read(TWO_ARMS, "design.budget_s=5", "design.sessions=20")
    assert short_budget_warning(fixed, forecast_of(fixed)).startswith(
        "The budget of 5 s is too short: 20 sessions, as design.sessions says, take about "
    )


def test_a_slow_machine_needs_as_many_times_longer() -> None:
    experiment = read(TWO_ARMS, "design.budget_s=5")
    assert forecast_of(experiment, 3.0).min_s == pytest.approx(3 * forecast_of(experiment).min_s, rel=0.15)


def test_a_search_makes_fewer_steps_before_it_takes_longer() -> None:
    rounds = [
        forecast_of(read(TWO_ARMS, *SEARCH, f"design.budget_s={budget_s}")).schedule.rounds
        for budget_s in (60, 75, 90, 180)
    ]
    assert rounds == sorted(rounds)
    assert (rounds[0], rounds[-1]) == (6, 9)
