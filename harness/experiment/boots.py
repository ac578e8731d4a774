"""Plan the boots for the levels of boot knobs: a random order, kernel parameters, and overrides for each run."""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.errors import ConfigError
from harness.experiment.constraints import all_knobs
from harness.experiment.document import Document
from harness.experiment.problems import quote, to_toml

FACTORS = "factors"
BOOT_FACTOR_PREFIX = "knobs.boot."


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot: parameters of the kernel command line, and the --set overrides that select its arms.

    Arms have the same names on all boots.
    """

    parameters: tuple[str, ...]
    overrides: tuple[str, ...]


def boots_of(document: Document, seed: int) -> list[Boot]:
    """Return a boot for each combination of levels, in random order. Raises ConfigError if there is no boot knob."""
    boot_factors = {name: levels for name, levels in document.factors.items() if name.startswith(BOOT_FACTOR_PREFIX)}
    if not boot_factors:
        raise ConfigError(
            f"{document.name} has no factor that needs a reboot. Add one, like "
            '"knobs.boot.mitigations" = ["auto", "off"] in [factors], or leave out --boots.'
        )
    others = {name: levels for name, levels in document.factors.items() if name not in boot_factors}
    if not others and not document.arms:
        raise ConfigError(
            f"{document.name} would have one arm on each boot, and arms of different boots cannot be compared. "
            'Add a factor to compare within each boot, like transport = ["tcp", "uds-tmpfs"].'
        )
    combinations = itertools.product(*boot_factors.values())
    boots = [_make_boot(dict(zip(boot_factors, levels, strict=True)), others) for levels in combinations]
    random.Random(seed).shuffle(boots)  # noqa: S311 - an order, no secret
    return boots


def other_overrides(overrides: Sequence[str]) -> list[str]:
    """Return the user's overrides without those of factors, which the overrides of each boot include."""
    return [override for override in overrides if override.partition("=")[0].partition(".")[0].strip() != FACTORS]


def _make_boot(levels: Mapping[str, object], others: Mapping[str, object]) -> Boot:
    names = {name: name.removeprefix("knobs.") for name in levels}
    ours = all_knobs()
    parameters = tuple(f"{ours[names[name]].boot_parameter}={levels[name]}" for name in levels)
    knobs = (f"arm.knobs.{quote(names[name])}={to_toml(levels[name])}" for name in levels)
    return Boot(parameters, (f"{FACTORS}={to_toml(others)}", *knobs))
