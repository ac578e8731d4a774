"""The experiments that barehop brings along."""

from pathlib import Path

import pytest

import harness
from harness.experiment.plan import plan_of
from harness.experiment.read import read_experiment
from harness.experiment.schedule import forecast_of
from harness.report.caveats import short_budget_warning
from tests.support.run_reports import render_plan

CONFIGS = sorted((Path(harness.__file__).parents[1] / "configs").glob("*.toml"))


def test_there_is_a_baseline_and_a_quick_one() -> None:
    assert {"baseline", "quick"} <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_packaged_experiment_makes_sense(path: Path) -> None:
    experiment = read_experiment(path)
    assert experiment.name == path.stem
    assert experiment.question.endswith("?")
    assert experiment.pairs[0] == ("control", experiment.arms[-1].control_of)
    assert len(experiment.pairs) >= 2


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_packaged_experiment_is_expected_to_take_its_budget(path: Path) -> None:
    experiment = read_experiment(path)
    forecast = forecast_of(experiment)
    assert 0.7 * experiment.design.budget_s < forecast.seconds <= experiment.design.budget_s + 1e-6
    assert short_budget_warning(experiment, forecast) == ""
    text = render_plan(plan_of(experiment, forecast.schedule), forecast.seconds, width=80)
    assert "compared with" in text
    assert "The first rounds of session 1" in text
    assert "Expected duration" in text


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_packaged_experiment_says_first_what_it_is_for(path: Path) -> None:
    schema, text, *_ = path.read_text(encoding="utf-8").splitlines()
    assert schema.startswith("#:schema ")  # for editors
    assert text.startswith("# ")
