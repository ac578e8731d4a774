"""What comes before measuring: the machine, the rights, and putting back what a killed run has left."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from harness.cli.printing import say
from harness.errors import MachineError
from harness.lab import lock
from harness.lab.directories import sweep
from harness.lab.kernel.journal import BusyError, Recovery, recover, state_directory
from harness.lab.kernel.tuning import recover_tuning, tuning_directory
from harness.lab.network.own_user import gain_rights
from harness.lab.surroundings import check_proc
from harness.model import Experiment

RESULTS = Path("results")


@contextmanager
def hold_machine() -> Iterator[None]:
    """Keep other runs away. MachineError where another one measures; what the lock leaves open is a sentence."""
    check_proc()
    with lock.hold_machine(say):
        yield


def gain_rights_for(experiment: Experiment | None) -> None:
    """What knobs and rungs take; before slow imports, because these start threads."""
    if experiment and any(arm.settings.knobs or arm.settings.network != "host" for arm in experiment.arms):
        gain_rights()


def clean_up() -> None:
    """Put back what a killed run has left. What cannot be put back is a sentence, and stops only who changes values."""
    for problem in put_back().problems:
        say(problem)


def put_back() -> Recovery:
    """Values of the machine that a killed run had left, each with a sentence; directories go without one."""
    sweep()
    found = _recovered(partial(recover, state_directory(os.environ)))
    found += _recovered(partial(recover_tuning, tuning_directory()))
    for sentence in found.back:
        say(sentence)
    return found


def _recovered(recover_: Callable[[], Recovery]) -> Recovery:
    """A journal that cannot be used is a problem like a value that cannot be put back; a run that goes on is not."""
    try:
        return recover_()
    except BusyError:
        raise
    except MachineError as problem:
        return Recovery(problems=(str(problem),))
