"""Define the arguments and options that several commands share."""

import math
from pathlib import Path
from typing import Any

import click

from harness.errors import ConfigError


class FiniteRange(click.FloatRange):
    """A range of numbers without nan and infinity, which click.FloatRange accepts."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fail if it is not finite or out of range."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not in this range.", param, ctx)
        return number


config_argument = click.argument("config", type=click.Path(path_type=Path))
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Override a key of the experiment file."
)
budget_option = click.option(
    "--budget", type=float, metavar="SECONDS", help="Time limit of the whole run: --set design.budget_s=SECONDS."
)


def only_one(**forms: bool) -> None:
    """Raise ConfigError if more than one of the options is given."""
    if sum(forms.values()) > 1:
        names = [f"--{name}" for name in forms]
        raise ConfigError(f"{', '.join(names[:-1])} and {names[-1]} exclude each other. Give one of them.")


def with_budget(overrides: tuple[str, ...], budget_s: float | None) -> tuple[str, ...]:
    """Return the overrides, with that of --budget if it was given."""
    return overrides if budget_s is None else (*overrides, f"design.budget_s={budget_s}")


def check_out(out: Path | None, *, as_html: bool, directories: int = 1) -> None:
    """Raise ConfigError unless --out names the page of exactly one directory."""
    if out and (not as_html or directories > 1):
        raise ConfigError("--out names the page that --html writes: give it with --html and one results directory.")
