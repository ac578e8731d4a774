"""The settings of a tuned machine: which of them this machine accepts, and why it does not accept the others."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness import plugins
from harness.model import KnobValue
from harness.model.plugins import KernelChange, Knob
from harness.testbed.kernel.actions import action_of
from harness.testbed.kernel.host_values import change_refusals, changed_files, held_files, switch_host_values
from harness.testbed.kernel.journal import BusyError, Recovery, restore_journal, state_directory
from harness.testbed.kernel.knob_settings import KernelConfiguration, KnobSetting
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, idle_states

# Steady rather than fast: boost depends on temperature and on the number of busy cores, so it is off. For virtual
# machines, the default of Documentation/virt/guest-halt-polling.rst.
TUNED_VALUES: Mapping[str, KnobValue] = {
    "cpu.governor": "performance",
    "cpu.boost": "off",
    "cpu.dma_latency_us": 0,
    "cpu.haltpoll_ns": 200_000,
    "thp.enabled": "madvise",
}
NEGLIGIBLE_EXIT_US = 2  # to leave the lightest idle state; below 1 % of a request


@dataclass(frozen=True, slots=True)
class Tuning:
    """`settings` can be made, with the paths of this machine; `refused` says why others cannot, by name.

    `deepest_us` is the exit latency of the deepest idle state of a CPU; 0 where the kernel lists none.
    """

    settings: tuple[KnobSetting, ...]
    refused: dict[str, str]
    deepest_us: int = 0

    def changes(self) -> list[str]:
        """Return what it would change, with the present value: "cpu.haltpoll_ns from 0 to 200000".

        A file held open has no present value; keeping CPUs awake changes nothing where no idle state takes longer.
        """
        return [text for setting in self.settings if (text := _change_text(setting, self.deepest_us))]


def plan_tuning(roots: Roots = HOST_ROOTS) -> Tuning:
    """Examine this machine; write nothing."""
    knobs = plugins.table(Knob)
    all_settings = [KnobSetting(name, value, knobs[name]) for name, value in TUNED_VALUES.items()]
    refused = {setting.name: reason for setting in all_settings for reason, _ in change_refusals(setting, roots)}
    settings = tuple(_setting_here(setting, roots) for setting in all_settings if setting.name not in refused)
    return Tuning(settings, refused, deepest_us=max(idle_states(roots).values(), default=0))


@contextmanager
def tune_machine(tuning: Tuning, directory: Path, roots: Roots = HOST_ROOTS) -> Iterator[dict[str, str]]:
    """Tune the machine inside and yield the values read back; restore it afterwards. Raises MachineError."""
    kernel = KernelConfiguration(tuning.settings)
    with switch_host_values([kernel], directory, roots) as switch:
        yield switch.switch_to(kernel)


def tuning_directory() -> Path:
    """Return the directory of its journal; the tuned command may be a run with a journal of its own."""
    return state_directory(os.environ) / "tune"


def restore_tuning(directory: Path, roots: Roots = HOST_ROOTS) -> Recovery:
    """Restore what a killed `tune` has left; a `tune` that still runs restores its own values."""
    try:
        return restore_journal(directory, roots)
    except BusyError:
        return Recovery()


def _setting_here(setting: KnobSetting, roots: Roots) -> KnobSetting:
    """Return the setting with this machine's paths, without files that refuse the value."""
    files = [replace(file, refusable=True) for file in changed_files(setting, roots)]
    holders = [replace(holder, path=str(roots.top / holder.path.lstrip("/"))) for holder in held_files(setting)]
    changes: tuple[KernelChange, ...] = (*files, *holders)
    return replace(setting, knob=replace(setting.knob, changes=lambda _: changes))


def _change_text(setting: KnobSetting, deepest_us: int) -> str | None:
    files = changed_files(setting)
    if not files:
        slow = deepest_us > NEGLIGIBLE_EXIT_US and any(deepest_us > holder.number for holder in held_files(setting))
        return f"{setting.name} from up to {deepest_us} to {setting.value}" if slow else None
    wanted, now = action_of(files[0]).wanted, sorted({action_of(file).read() for file in files})
    return f"{setting.name} from {', '.join(now)} to {wanted}" if now != [wanted] else None
