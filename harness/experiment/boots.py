"""What has to be booted for the levels of boot knobs, in a random order, and which overrides a run on each takes."""

import itertools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness import plugins
from harness.errors import ConfigError
from harness.experiment.document import Document
from harness.experiment.knobs import KNOBS
from harness.model import Knob

FACTORS = "factors"
FACTOR = "knobs.boot."


@dataclass(frozen=True, slots=True)
class Boot:
    """The parameters of the kernel's command line, and the --set that leave the arms of this boot, named alike."""

    parameters: tuple[str, ...]
    overrides: tuple[str, ...]


def boots_of(document: Document, seed: int) -> list[Boot]:
    """Every combination of the levels once. Raises ConfigError where no factor is a knob that booting changes."""
    booted = {name: levels for name, levels in document.factors.items() if name.startswith(FACTOR)}
    if not booted:
        raise ConfigError(
            f"{document.name} has no factor that only booting changes. Give it one, like "
            '"knobs.boot.mitigations" = ["auto", "off"] in [factors], or leave out --boots.'
        )
    others = {name: levels for name, levels in document.factors.items() if name not in booted}
    if not others and not document.arms:
        raise ConfigError(
            f"{document.name} would have one arm on each boot, and boots are too far apart to compare arms with. "
            'Add a factor that both can be compared in on each boot, like transport = ["tcp", "uds-tmpfs"].'
        )
    boots = [_boot(dict(zip(booted, levels, strict=True)), others) for levels in itertools.product(*booted.values())]
    random.Random(seed).shuffle(boots)  # noqa: S311 - an order, no secret
    return boots


def still_needed(overrides: Sequence[str]) -> list[str]:
    """Those that a run on a boot takes beside the boot's own, which have all that was said of factors."""
    return [override for override in overrides if override.partition("=")[0].partition(".")[0].strip() != FACTORS]


def _boot(levels: Mapping[str, object], others: Mapping[str, object]) -> Boot:
    names = {name: name.removeprefix("knobs.") for name in levels}
    parameters = tuple(f"{plugins.load_dotted(KNOBS, names[name], Knob).by_boot}={levels[name]}" for name in levels)
    knobs = (f"arm.knobs.{json.dumps(names[name])}={_toml(levels[name])}" for name in levels)
    return Boot(parameters, (f"{FACTORS}={_toml(others)}", *knobs))


def _toml(value: object) -> str:
    """A value in one line, as an override takes it."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json.dumps(key)} = {_toml(inside)}' for key, inside in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)
