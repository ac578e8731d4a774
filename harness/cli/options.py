"""What several commands take: the experiment file, and its overrides."""

import math
from pathlib import Path
from typing import Any

import click

from harness.errors import ConfigError


class FiniteRange(click.FloatRange):
    """A number in a range, and neither nan, which is in every range, nor infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number of this range.", param, ctx)
        return number


config_argument = click.argument("config", type=click.Path(path_type=Path))
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Override a key of the experiment file."
)
budget_option = click.option(
    "--budget", type=float, metavar="SECONDS", help="How long the whole run may take: --set design.budget_s=SECONDS."
)


def only_one(**forms: bool) -> None:
    """Raises ConfigError where an invocation asks for several forms of one thing."""
    if sum(forms.values()) > 1:
        names = [f"--{name}" for name in forms]
        raise ConfigError(f"{', '.join(names[:-1])} and {names[-1]} exclude each other. Give one of them.")


def with_budget(overrides: tuple[str, ...], budget_s: float | None) -> tuple[str, ...]:
    """Return the overrides with that of --budget, where it was given."""
    return overrides if budget_s is None else (*overrides, f"design.budget_s={budget_s}")


def check_out(out: Path | None, *, as_html: bool, directories: int = 1) -> None:
    """Raises ConfigError where --out has no page to name, or several."""
    if out and (not as_html or directories > 1):
        raise ConfigError("--out names the page of one results directory that --html writes. Give it with --html only.")
