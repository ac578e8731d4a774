"""Runs a command on a tuned machine: it gets our signals, we end with its exit code, and the machine is as before."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from harness.ending import ENDING
from harness.errors import MachineError
from harness.lab.kernel.tuning import Tuning, tuned, tuning_directory, tuning_of
from harness.lab.kernel.turning import wanted
from harness.lab.kernelfiles import HERE, Roots

KILLED = 128  # a shell's exit code for what a signal has ended: man 1 bash, EXIT STATUS


@dataclass(slots=True)
class Command:
    """A program that gets the signals that come before, and while, it runs."""

    words: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = field(default_factory=list)

    def ended(self) -> int:
        """Its exit code, when it has ended. Raises OSError where it cannot be started."""
        process = subprocess.Popen(self.words)
        self.process = process
        for number in self.early:
            process.send_signal(number)
        code = process.wait()
        return code if code >= 0 else KILLED - code

    def heed(self, number: int, _frame: FrameType | None) -> None:
        if self.process is None:
            self.early.append(number)
        elif not (number == signal.SIGINT and _at_terminal()):
            self.process.send_signal(number)

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """What is ignored when we start stays ignored."""
        before = {number: signal.getsignal(number) for number in ENDING}
        heeded = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
        for number in heeded:
            signal.signal(number, self.heed)
        try:
            yield
        finally:
            for number, handler in heeded.items():
                signal.signal(number, handler)


def checked(words: Sequence[str]) -> Command:
    """MachineError where there is no such program."""
    if shutil.which(words[0]) is None:
        raise MachineError(f"There is no program {words[0]}. Nothing was changed; name another, or its whole path.")
    return Command(words)


def run_tuned(command: Command, say: Callable[[str], None], roots: Roots = HERE) -> int:
    """The exit code of `command`, which runs on the tuned machine; `say` hears what could not be set.

    Raises MachineError where nothing could be begun. A value that is not as it was afterwards is said, and changes
    nothing about the exit code.
    """
    code: int | None = None
    with command.heeding():
        try:
            tuning = tuning_of(roots)
            with tuned(tuning, tuning_directory(), roots) as values:
                for sentence in _refused(tuning, values):
                    say(sentence)
                code = command.ended()
        except MachineError as problem:
            if code is None:
                raise
            say(str(problem))
    return code


def _refused(tuning: Tuning, values: dict[str, str]) -> Iterator[str]:
    for name, reason in tuning.refused.items():
        yield f"{name} stays as it is: {reason}."
    for setting in tuning.settings:
        if values[setting.name] not in {wanted(change) for change in setting.changes}:
            yield f"{setting.name} is {values[setting.name]}: the kernel refuses {setting.value}, at least in part."


def _at_terminal() -> bool:
    """Whether Ctrl-C goes to the command by itself."""
    with suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
