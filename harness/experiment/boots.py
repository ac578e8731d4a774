"""Plan the boots for the levels of boot knobs: a random order, kernel parameters, and overrides for each run."""

import itertools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.errors import ConfigError
from harness.experiment.document import Document
from harness.experiment.knobs import all_knobs

FACTORS = "factors"
FACTOR = "knobs.boot."


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot: parameters of the kernel command line, and the --set overrides that select its arms.

    Arms have the same names on all boots.
    """

    parameters: tuple[str, ...]
    overrides: tuple[str, ...]


def boots_of(document: Document, seed: int) -> list[Boot]:
    """Return a boot for each combination of levels, in random order. Raises ConfigError if there is no boot knob."""
    boot_factors = {name: levels for name, levels in document.factors.items() if name.startswith(FACTOR)}
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
    boots = [_boot(dict(zip(boot_factors, levels, strict=True)), others) for levels in combinations]
    random.Random(seed).shuffle(boots)  # noqa: S311 - an order, no secret
    return boots


def still_needed(overrides: Sequence[str]) -> list[str]:
    """Return the user's overrides without those of factors, which the overrides of each boot include."""
    return [override for override in overrides if override.partition("=")[0].partition(".")[0].strip() != FACTORS]


def _boot(levels: Mapping[str, object], others: Mapping[str, object]) -> Boot:
    names = {name: name.removeprefix("knobs.") for name in levels}
    ours = all_knobs()
    parameters = tuple(f"{ours[names[name]].by_boot}={levels[name]}" for name in levels)
    knobs = (f"arm.knobs.{json.dumps(names[name])}={_toml(levels[name])}" for name in levels)
    return Boot(parameters, (f"{FACTORS}={_toml(others)}", *knobs))


def _toml(value: object) -> str:
    """Return `value` as TOML on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json.dumps(key)} = {_toml(inside)}' for key, inside in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)
