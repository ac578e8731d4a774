"""What a machine is set to while it measures: what of it this one takes, and why it does not take the rest."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness import plugins
from harness.lab.idle import idle_states
from harness.lab.kernel.entries import value_of
from harness.lab.kernel.global_files import files_of, holders_of
from harness.lab.kernel.global_values import global_values
from harness.lab.kernel.journal import BusyError, Recovery, recover, state_directory
from harness.lab.kernel.problems import refusals
from harness.lab.kernel.settings import KNOBS, Kernel, Setting
from harness.lab.kernel.turning import wanted
from harness.lab.kernelfiles import HERE, Roots
from harness.model import Knob, KnobValue
from harness.model.knobs import Change

# Steady before fast: a boost comes and goes with heat and with how many cores work, so it is off. A CPU in a virtual
# machine looks for work as long as Documentation/virt/guest-halt-polling.rst has it by default before it halts.
WANTED: Mapping[str, KnobValue] = {
    "cpu.governor": "performance",
    "cpu.boost": "off",
    "cpu.dma_latency_us": 0,
    "cpu.haltpoll_ns": 200_000,
    "thp.enabled": "madvise",
}
NOTICED_US = 2  # to wake up from the lightest sleep; less than a hundredth of a request


@dataclass(frozen=True, slots=True)
class Tuning:
    """`settings` can be made, with the paths that this machine has; `refused` is why others cannot, by name.

    `deepest_us` is how long the deepest sleep of a CPU takes to end; 0 where the kernel tells of none.
    """

    settings: tuple[Setting, ...]
    refused: dict[str, str]
    deepest_us: int = 0

    def changes(self) -> list[str]:
        """What it would change, with the value that is there now: "cpu.haltpoll_ns from 0 to 200000".

        What is held open has no value to be read; keeping CPUs awake changes nothing where no idle state takes longer.
        """
        return [text for setting in self.settings if (text := _change(setting, self.deepest_us))]


def tuning_of(roots: Roots = HERE) -> Tuning:
    """Looks, and writes nothing."""
    every = [Setting(name, value, plugins.load_dotted(KNOBS, name, Knob)) for name, value in WANTED.items()]
    refused = {setting.name: reason for setting in every for reason, _ in refusals(setting, roots)}
    settings = tuple(_here(setting, roots) for setting in every if setting.name not in refused)
    return Tuning(settings, refused, deepest_us=max(idle_states(roots).values(), default=0))


@contextmanager
def tuned(tuning: Tuning, directory: Path, roots: Roots = HERE) -> Iterator[dict[str, str]]:
    """Inside, the machine is tuned: the values read back, by name. Afterwards it is as before. Raises MachineError."""
    kernel = Kernel(tuning.settings)
    with global_values([kernel], directory, roots) as switch:
        yield switch.to(kernel)


def tuning_directory() -> Path:
    """Its journal is not that of runs: a run with knobs of its own may be the command that is tuned for."""
    return state_directory(os.environ) / "tune"


def recover_tuning(directory: Path, roots: Roots = HERE) -> Recovery:
    """Put back what a killed tuning has left; one that goes on does that by itself."""
    try:
        return recover(directory, roots)
    except BusyError:
        return Recovery()


def _here(setting: Setting, roots: Roots) -> Setting:
    """The same setting, with this machine's paths. What the kernel refuses after all stays as it is."""
    files = [replace(file, refusable=True) for file in files_of(setting, roots)]
    held = [replace(holder, path=str(roots.top / holder.path.lstrip("/"))) for holder in holders_of(setting)]
    changes: tuple[Change, ...] = (*files, *held)
    return replace(setting, knob=replace(setting.knob, changes=lambda _: changes))


def _change(setting: Setting, deepest_us: int) -> str | None:
    files = files_of(setting)
    if not files:
        slow = deepest_us > NOTICED_US and any(deepest_us > holder.number for holder in holders_of(setting))
        return f"{setting.name} from up to {deepest_us} to {setting.value}" if slow else None
    now = sorted({value_of(file.path, file.form) for file in files})
    if now == [wanted(files[0])]:
        return None
    return f"{setting.name} from {', '.join(now)} to {wanted(files[0])}"
