"""barehop init: write a commented experiment file to start from."""

import os
from pathlib import Path

import click

from harness.cli.common import find_config, print_message
from harness.cli.parameters import PATH, complete_config
from harness.cli.schema import SCHEMA_DIRECTORY
from harness.errors import ConfigError
from harness.experiment.problems import shorten
from harness.experiment.read import read_experiment

SCHEMA_LINE = "#:schema "
TEMPLATE = Path(__file__).parent / "init.toml"


@click.command()
@click.argument("name", type=click.Path(path_type=Path))
@click.option("--from", "source", type=PATH, shell_complete=complete_config, help="Copy this configuration instead.")
def init(name: Path, source: Path | None) -> None:
    """Write a commented experiment file, NAME.toml.

    Editors that know TOML schemas complete and check it.
    """
    target = name if name.suffix == ".toml" else name.with_name(f"{name.name}.toml")
    text = _experiment_text(target.stem, find_config(source) if source else TEMPLATE)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"There is already a file {shorten(str(target))}. Give another name.") from None
    except OSError as error:
        raise ConfigError(f"{shorten(str(target))} cannot be written: {error.strerror}.") from error
    try:
        read_experiment(target)
    except ConfigError:
        target.unlink()
        raise
    print_message(f"{target} is written. Edit it, check it with barehop plan {target}, then: barehop run {target}")


def _experiment_text(name: str, source: Path) -> str:
    """Return the text of `source` under another name, with the schema that editors complete and check it by."""
    lines = [line for line in source.read_text(encoding="utf-8").splitlines() if not line.startswith(SCHEMA_LINE)]
    named = [f'name = "{name}"' if line.startswith("name = ") else line for line in lines]
    schema = os.path.realpath(SCHEMA_DIRECTORY / "experiment.json")
    return "\n".join([f"{SCHEMA_LINE}file://{schema}", *named]) + "\n"
