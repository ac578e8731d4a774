"""Run a command on a tuned machine: forward signals to it, return its exit code, restore all settings."""

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

KILLED = 128  # plus the signal's number: a shell's exit code of a killed command (man 1 bash, EXIT STATUS)


@dataclass(slots=True)
class Command:
    """A program that receives the signals that arrive before and while it runs."""

    words: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = field(default_factory=list)

    def ended(self) -> int:
        """Run the program to its end and return its exit code. Raises OSError if it cannot be started."""
        process = subprocess.Popen(self.words)
        self.process = process
        for number in self.early:
            process.send_signal(number)
        code = process.wait()
        return code if code >= 0 else KILLED - code

    def heed(self, number: int, _frame: FrameType | None) -> None:
        """Forward signal `number`, or keep it until the program runs; Ctrl-C reaches a foreground program by itself."""
        if self.process is None:
            self.early.append(number)
        elif not (number == signal.SIGINT and _at_terminal()):
            self.process.send_signal(number)

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """Forward signals while the body runs; signals that are ignored when we start stay ignored."""
        handlers = {number: signal.getsignal(number) for number in ENDING}
        forwarded = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}
        for number in forwarded:
            signal.signal(number, self.heed)
        try:
            yield
        finally:
            for number, handler in forwarded.items():
                signal.signal(number, handler)


def checked(words: Sequence[str]) -> Command:
    """Return the command to run. Raises MachineError if its program does not exist."""
    if shutil.which(words[0]) is None:
        raise MachineError(f"There is no program {words[0]}. Nothing was changed; give another name, or a full path.")
    return Command(words)


def run_tuned(command: Command, say: Callable[[str], None], roots: Roots = HERE) -> int:
    """Run `command` on the tuned machine and return its exit code; report by `say` what could not be set.

    Raises MachineError if the command was not started. A value that cannot be restored is reported by `say` and does
    not change the exit code.
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
        yield f"{name} not changed: {reason}."
    for setting in tuning.settings:
        if values[setting.name] not in {wanted(change) for change in setting.changes}:
            yield f"{setting.name} is {values[setting.name]}: the kernel rejected {setting.value}, at least in part."


def _at_terminal() -> bool:
    """Return whether the terminal sends Ctrl-C to the command as well."""
    with suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
