"""What shells complete; and a mistake on the command line in one sentence."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.cli.parameters import complete_arm, complete_config, complete_override, complete_results
from harness.console import usage_message

PARAMETER = click.Argument(["word"])


def context(**parameters: object) -> click.Context:
    context = click.Context(click.Command("run"))
    context.params = parameters
    return context


def test_configurations_are_completed_by_name() -> None:
    words = [item.value for item in complete_config(context(), PARAMETER, "kernel-c")]
    assert words == ["kernel-conntrack", "kernel-cpu"]


def test_a_path_of_a_configuration_is_left_to_the_shell() -> None:
    assert [item.type for item in complete_config(context(), PARAMETER, "./mine")] == ["file"]


def test_arms_are_those_of_the_configuration_before_them() -> None:
    words = [item.value for item in complete_arm(context(config="baseline"), PARAMETER, "uds")]
    assert words == ["uds-tmpfs", "uds-dir"]
    assert complete_arm(context(config="no-such-file"), PARAMETER, "") == []


def test_overrides_are_completed_with_settings_and_knobs() -> None:
    words = [item.value for item in complete_override(context(), PARAMETER, "arm.")]
    assert {"arm.transport=", "arm.knobs.route.quickack="} <= set(words)
    assert [item.value for item in complete_override(context(), PARAMETER, "design.budg")] == ["design.budget_s="]


def test_results_are_directories_with_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("quick/1", "quick/2", "other/1"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "plan.json").touch()
    words = [item.value for item in complete_results(context(), PARAMETER, "results/q")]
    assert words == ["results/quick/1", "results/quick/2"]


def test_a_mistake_on_the_command_line_is_one_sentence_and_names_the_help() -> None:
    problem = click.UsageError(
        "Got unexpected extra argument (b)", click.Context(click.Command("run"), info_name="run")
    )
    assert usage_message(problem) == "Got unexpected extra argument (b). See run --help."


def test_every_command_has_a_summary_that_fits_into_80_columns() -> None:
    result = CliRunner().invoke(cli, ["--help"], terminal_width=80)
    commands = result.output.split("Commands:\n")[1].splitlines()
    assert len(commands) > 10
    assert [line for line in commands if "..." in line or len(line.split()) < 3] == []
