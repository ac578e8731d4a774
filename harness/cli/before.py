"""Prepare a command that measures: lock the machine, gain rights, restore what a killed run has left."""

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
    """Lock the machine for the body. Raises MachineError if another run measures; prints the limits of the lock."""
    check_proc()
    with lock.hold_machine(say):
        yield


def gain_rights_for(experiment: Experiment | None) -> None:
    """Gain the rights that knobs and rungs need; call it before slow imports, because these start threads."""
    if experiment and any(arm.settings.knobs or arm.settings.network != "host" for arm in experiment.arms):
        gain_rights()


def clean_up() -> None:
    """Restore what a killed run has left, and print what cannot be restored; only runs that change values then fail."""
    for problem in put_back().problems:
        say(problem)


def put_back() -> Recovery:
    """Remove directories and restore kernel values that a killed run has left; print each restored value."""
    sweep()
    recovery = _recovered(partial(recover, state_directory(os.environ)))
    recovery += _recovered(partial(recover_tuning, tuning_directory()))
    for sentence in recovery.back:
        say(sentence)
    return recovery


def _recovered(recover_: Callable[[], Recovery]) -> Recovery:
    """Run a recovery; report an unusable journal as a problem. Raises BusyError if the run still goes on."""
    try:
        return recover_()
    except BusyError:
        raise
    except MachineError as problem:
        return Recovery(problems=(str(problem),))
