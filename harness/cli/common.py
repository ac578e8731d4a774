"""What several commands share: configurations by name, checks before a run, printing."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

import harness
from harness.errors import ConfigError, MachineError
from harness.experiment.problems import shorten, suggest
from harness.model import Experiment
from harness.testbed.kernel import lock
from harness.testbed.kernel.journal import BusyError, Recovery, restore_journal, state_directory
from harness.testbed.kernel.tuning import restore_tuning, tuning_directory
from harness.testbed.machine.directories import remove_leftovers
from harness.testbed.machine.resources import require_proc
from harness.testbed.network.sysctl_copy import gain_network_rights

RESULTS = Path("results")
CONFIG_DIRECTORY = Path(harness.__file__).parents[1] / "configs"


@contextmanager
def lock_machine() -> Iterator[None]:
    """Lock the machine for the body. Raises MachineError if another run measures; prints the limits of the lock."""
    require_proc()
    with lock.hold_machine(print_message):
        yield


def gain_rights_for(experiment: Experiment | None) -> None:
    """Gain the rights that knobs and rungs need. Call it before slow imports: they start threads, which prevent it."""
    if experiment and any(arm.settings.knobs or arm.settings.network != "host" for arm in experiment.arms):
        gain_network_rights()


def clean_up() -> None:
    """Restore what a killed run has left, and print what cannot be restored; only runs that change values then fail."""
    for problem in restore_machine().problems:
        print_message(problem)


def restore_machine() -> Recovery:
    """Remove directories and restore kernel values that a killed run has left; print each restored value."""
    remove_leftovers()
    recovery = _run_recovery(partial(restore_journal, state_directory(os.environ)))
    recovery += _run_recovery(partial(restore_tuning, tuning_directory()))
    for sentence in recovery.restored:
        print_message(sentence)
    return recovery


def _run_recovery(recover_: Callable[[], Recovery]) -> Recovery:
    """Run a recovery; report an unusable journal as a problem. Raises BusyError if the run still goes on."""
    try:
        return recover_()
    except BusyError:
        raise
    except MachineError as problem:
        return Recovery(problems=(str(problem),))


def find_config(config: Path) -> Path:
    """Return `config` if it is a file, or else the packaged configuration of that name. Raises ConfigError."""
    packaged = CONFIG_DIRECTORY / f"{config.stem}.toml"
    by_name = config.parent in (Path(), Path("configs")) and config.suffix in ("", ".toml")
    if config.is_file():
        return config
    if by_name and packaged.is_file():
        return packaged
    if config.exists():
        return config  # a pipe, a directory: the reader reports it
    names = [path.stem for path in packaged_configs()]
    near = suggest(config.stem, names) if by_name else ""
    way_out = near or f" Give the path of an experiment file, or one of these: {', '.join(names)}."
    raise ConfigError(f"There is no file {shorten(str(config))}.{way_out}")


def is_config_name(word: str) -> bool:
    """Return whether `word` is the name of a packaged configuration, and no file."""
    return word in [path.stem for path in packaged_configs()] and not Path(word).exists()


def packaged_configs() -> list[Path]:
    """Return the paths of all packaged configurations."""
    return sorted(CONFIG_DIRECTORY.glob("*.toml"))


def print_message(text: str) -> None:
    """Print a message to standard error."""
    click.echo(text, err=True)
