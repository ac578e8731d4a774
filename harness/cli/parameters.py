"""The arguments and options that several commands share; shells complete their values."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from harness import plugins
from harness.cli.common import RESULTS, find_config, packaged_configs
from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from harness.model import Design, Knob, Settings


def complete_config(_context: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return the packaged configurations that begin with `start`, or let the shell complete a file."""
    names = _items((path.stem for path in packaged_configs()), start)
    return names or [CompletionItem(start, type="file")]


def complete_arm(context: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return the arms of the configuration before it that begin with `start`."""
    try:
        experiment = read_experiment(find_config(Path(context.params["config"])))
    except (ConfigError, KeyError, TypeError):
        return []
    return _items((arm.name for arm in experiment.arms), start)


def complete_override(_context: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return the keys that --set overrides and that begin with `start`, each with its equals sign."""
    tables: dict[str, Iterable[str]] = {
        "arm": Settings.model_fields,
        "design": Design.model_fields,
        "arm.knobs": plugins.names(Knob),
    }
    return _items((f"{table}.{key}=" for table, keys in tables.items() for key in keys), start)


def complete_results(_context: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return the results directories below ./results that begin with `start`, or let the shell complete a directory."""
    directories = (str(plan.parent) for plan in sorted(RESULTS.glob("*/*/plan.json")))
    return _items(directories, start) or [CompletionItem(start, type="dir")]


def complete_file(_context: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    """Let the shell complete a file, also where the option takes more than its name."""
    return [CompletionItem(start, type="file")]


def _items(words: Iterable[str], start: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(start)]


PATH = click.Path(path_type=Path)
config_argument = click.argument("config", type=PATH, shell_complete=complete_config)
optional_config_argument = click.argument("config", type=PATH, required=False, shell_complete=complete_config)
results_argument = click.argument("directories", type=PATH, nargs=-1, required=True, shell_complete=complete_results)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Override a key of the experiment file.",
    shell_complete=complete_override,
)
budget_option = click.option(
    "--budget", type=float, metavar="SECONDS", help="Time limit of the whole run: --set design.budget_s=SECONDS."
)


def with_budget(overrides: tuple[str, ...], budget_s: float | None) -> tuple[str, ...]:
    """Return the overrides, with that of --budget if it was given."""
    return overrides if budget_s is None else (*overrides, f"design.budget_s={budget_s}")


class FiniteRange(click.FloatRange):
    """A range of numbers without nan and infinity, which click.FloatRange accepts."""

    name = "number"  # in messages

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fail if it is not finite or out of range."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not in this range.", param, ctx)
        return number
