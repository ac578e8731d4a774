"""Run a command on a tuned machine: forward signals to it, return its exit code, restore all settings."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from harness.console import ENDING_SIGNALS
from harness.errors import MachineError
from harness.testbed.kernel.actions import action_of
from harness.testbed.kernel.tuning import Tuning, plan_tuning, tune_machine, tuning_directory
from harness.testbed.machine.procfs import HOST_ROOTS, Roots

KILLED_EXIT_CODE = 128  # plus the signal's number: a shell's exit code of a killed command (man 1 bash, EXIT STATUS)


@dataclass(slots=True)
class Command:
    """A program that receives the signals that arrive before and while it runs."""

    words: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    early_signals: list[int] = field(default_factory=list)

    def run(self) -> int:
        """Run the program to its end and return its exit code. Raises OSError if it cannot be started."""
        process = subprocess.Popen(self.words)
        self.process = process
        for number in self.early_signals:
            process.send_signal(number)
        code = process.wait()
        return code if code >= 0 else KILLED_EXIT_CODE - code

    def forward_signal(self, number: int, _frame: FrameType | None) -> None:
        """Forward signal `number`, or keep it until the program runs; Ctrl-C reaches a foreground program by itself."""
        if self.process is None:
            self.early_signals.append(number)
        elif not (number == signal.SIGINT and _is_foreground()):
            self.process.send_signal(number)

    @contextmanager
    def forward_signals(self) -> Iterator[None]:
        """Forward signals while the body runs; signals that are ignored when we start stay ignored."""
        forwarded = [number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        with ExitStack() as exit_stack:
            for number in forwarded:
                exit_stack.callback(signal.signal, number, signal.signal(number, self.forward_signal))
            yield


def find_command(words: Sequence[str]) -> Command:
    """Return the command to run. Raises MachineError if its program does not exist."""
    if shutil.which(words[0]) is None:
        raise MachineError(f"There is no program {words[0]}. Nothing was changed; give another name, or a full path.")
    return Command(words)


def run_tuned(command: Command, say: Callable[[str], None], roots: Roots = HOST_ROOTS) -> int:
    """Run `command` on the tuned machine and return its exit code; report by `say` what could not be set.

    Raises MachineError if the command was not started. A value that cannot be restored is reported by `say` and does
    not change the exit code.
    """
    code: int | None = None
    with command.forward_signals():
        try:
            tuning = plan_tuning(roots)
            with tune_machine(tuning, tuning_directory(), roots) as values:
                for sentence in _failed_settings(tuning, values):
                    say(sentence)
                code = command.run()
        except MachineError as problem:
            if code is None:
                raise
            say(str(problem))
    return code


def _failed_settings(tuning: Tuning, values: dict[str, str]) -> Iterator[str]:
    for name, reason in tuning.refused.items():
        yield f"{name} not changed: {reason}."
    for setting in tuning.settings:
        if values[setting.name] not in {action_of(change).wanted for change in setting.changes}:
            yield f"{setting.name} is {values[setting.name]}: the kernel rejected {setting.value}, at least in part."


def _is_foreground() -> bool:
    """Return whether the terminal sends Ctrl-C to the command as well."""
    with suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:  # noqa: PTH123 - a terminal cannot seek
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    return False
