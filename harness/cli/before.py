"""What comes before measuring: the machine, the rights, and putting back what a killed run has left."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.cli.printing import say
from harness.lab.directories import sweep
from harness.lab.kernel.journal import recovered, state_directory
from harness.lab.kernel.tuning import recovered_tuning, tuning_directory
from harness.lab.lock import only_run
from harness.lab.network.own_user import gain_rights
from harness.lab.surroundings import check_proc
from harness.model import Experiment

RESULTS = Path("results")


@contextmanager
def hold_machine() -> Iterator[None]:
    """Keep other runs away. MachineError where another one measures; what the lock leaves open is a sentence."""
    check_proc()
    with only_run() as open_point:
        if open_point:
            say(open_point)
        yield


def gain_rights_for(experiment: Experiment | None) -> None:
    """What knobs and rungs take; before slow imports, because these start threads."""
    if experiment and any(arm.settings.knobs or arm.settings.network != "host" for arm in experiment.arms):
        gain_rights()


def clean_up() -> bool:
    """Whether a killed run had left values of the machine, which are put back; directories go without a word."""
    sweep()
    sentences = [*recovered(state_directory(os.environ)), *recovered_tuning(tuning_directory())]
    for sentence in sentences:
        say(sentence)
    return bool(sentences)
