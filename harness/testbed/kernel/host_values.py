"""Values of the whole machine: why one cannot be changed, and the switch that changes and restores them."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from harness.errors import MachineError
from harness.model.plugins import FileText, FirstExistingFile, HeldOpenFile
from harness.testbed.kernel.actions import action_of, choices_of, normalize
from harness.testbed.kernel.journal import open_journal, state_directory
from harness.testbed.kernel.knob_settings import KernelConfiguration, KnobSetting
from harness.testbed.kernel.restore import (
    EntryGroup,
    JournalEntry,
    entries_to_write,
    group_entries,
    irreversible_reason,
    make_entries,
    sysctl_name,
)
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, read_text

P = ParamSpec("P")
R = TypeVar("R")
INT32_BYTES = 4


def changed_files(setting: KnobSetting, roots: Roots = HOST_ROOTS) -> list[FileText]:
    """Return the files that the setting changes here; none where this machine has none of them."""
    files: list[FileText] = []
    for change in setting.changes:
        if isinstance(change, FileText):
            files += _existing(change, roots)
        elif isinstance(change, FirstExistingFile):
            files += next(filter(None, (_existing(alternative, roots) for alternative in change.files)), [])
    return files


def held_files(setting: KnobSetting) -> list[HeldOpenFile]:
    """Return the files that the setting holds open."""
    return [change for change in setting.changes if isinstance(change, HeldOpenFile)]


def _existing(file: FileText, roots: Roots) -> list[FileText]:
    """Return the existing files; of those that may refuse, only writable ones."""
    paths = sorted(roots.top.glob(file.path.lstrip("/")))
    existing = [path for path in paths if not file.refusable or path.stat().st_mode & 0o222]
    return [replace(file, path=str(path)) for path in existing]


@dataclass(slots=True)
class HostValueSwitch:
    """Changes only the values that differ. `current` is the text that each file was given last, by path."""

    entries: dict[str, JournalEntry]
    current: dict[str, str]
    is_idle: bool = False  # whether no stack has a global knob
    held: dict[HeldOpenFile, int] = field(default_factory=dict)

    def switch_to(self, kernel: KernelConfiguration) -> dict[str, str]:
        """Set the stack's global knobs and return the values read back. Raises MachineError."""
        settings = kernel.of_scopes("global")
        wanted = {file.path: file for setting in settings for file in changed_files(setting)}
        for group in group_entries(self.entries.values()):
            self._set_group(group, {entry.path: wanted[entry.path] for entry in group if entry.path in wanted})
        self.hold({holder for setting in settings for holder in held_files(setting)})
        return {setting.name: _value_text(setting) for setting in settings}

    def wrap(self, kernel: KernelConfiguration, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function`, called with the machine set for `kernel`."""
        if self.is_idle:
            return function

        def call_switched(*arguments: P.args, **named: P.kwargs) -> R:
            self.switch_to(kernel)
            return function(*arguments, **named)

        return call_switched

    def _set_group(self, group: EntryGroup, given: Mapping[str, FileText]) -> None:
        """Write the texts of a group; without any, restore it."""
        changes_linked_values = len(group) > 1 and any(self.current[path] != file.text for path, file in given.items())
        if changes_linked_values or not given:
            self._restore_group(group)  # first, so that no earlier change of a linked value remains
        for entry in group:
            file = given.get(entry.path)
            if file and self.current[entry.path] != file.text:
                self._write(entry, file.text, refusable=file.refusable)
                self._read_group(group)

    def _restore_group(self, group: EntryGroup) -> None:
        for entry in entries_to_write(group):
            if self.current[entry.path] != entry.before:
                self._write(entry, entry.before, refusable=False)
                self._read_group(group)

    def _read_group(self, group: EntryGroup) -> None:
        """Read all values of a group after one of them was changed."""
        if len(group) > 1:
            self.current |= {entry.path: entry.read() for entry in group}

    def _write(self, entry: JournalEntry, text: str, *, refusable: bool) -> None:
        actual, expected = entry.read(), normalize(self.current[entry.path], entry.form)
        if actual != expected:
            raise MachineError(
                f"Another process has set {entry.path} to {actual}, while a run had set it to {expected}. Find that "
                "process, and measure again."
            )
        try:
            Path(entry.path).write_text(text)
        except OSError as error:
            if refusable:
                del self.entries[entry.path]
                return
            raise MachineError(
                f"{entry.path} = {text}: the kernel refuses it: {error.strerror}. Give a value that it takes."
            ) from None
        result = entry.read()
        if result != normalize(text, entry.form):
            Path(entry.path).write_text(self.current[entry.path])
            raise MachineError(f"{entry.path} = {text}: the kernel changes it to {result}. Give that or another value.")
        self.current[entry.path] = text

    def hold(self, wanted: set[HeldOpenFile]) -> None:
        """Hold the `wanted` files open, and no others."""
        for holder in set(self.held) - wanted:
            os.close(self.held.pop(holder))
        for holder in wanted - set(self.held):
            self.held[holder] = os.open(holder.path, os.O_WRONLY | os.O_CLOEXEC)
            os.write(self.held[holder], holder.number.to_bytes(INT32_BYTES, sys.byteorder, signed=True))


@contextmanager
def switch_host_values(
    kernels: Sequence[KernelConfiguration], directory: Path | None = None, roots: Roots = HOST_ROOTS
) -> Iterator[HostValueSwitch]:
    """Yield a switch between the values of `kernels`; restore the machine afterwards. Raises MachineError.

    The journal is in `directory`, by default in the state directory.
    """
    settings = [setting for kernel in kernels for setting in kernel.of_scopes("global")]
    given: dict[str, list[FileText]] = {}  # a file that several knobs change has one entry
    for setting in settings:
        for file in changed_files(setting):
            given.setdefault(file.path, []).append(file)
    entries = make_entries(given, roots)
    switch = HostValueSwitch(
        entries={entry.path: entry for entry in entries},
        current={entry.path: entry.before for entry in entries},
        is_idle=not settings,
    )
    journal = open_journal(directory or state_directory(os.environ), entries, roots) if entries else nullcontext()
    try:
        with journal:
            yield switch
    finally:
        switch.hold(set())


def order_in_blocks(order: Sequence[int], kernels: Sequence[KernelConfiguration]) -> list[int]:
    """Return the places of a round in blocks of equal global values, in the order of their first place.

    `kernels` are those of the places. In a random order, blocks and the places inside each stay in random order.
    """
    blocks: dict[tuple[KnobSetting, ...], list[int]] = {}
    for place in order:
        blocks.setdefault(kernels[place].of_scopes("global"), []).append(place)
    return [place for block in blocks.values() for place in block]


def _value_text(setting: KnobSetting) -> str:
    values = [action_of(file).read() for file in changed_files(setting)]
    return " ".join(dict.fromkeys(values)) or " ".join(str(holder.number) for holder in held_files(setting))


def change_refusals(setting: KnobSetting, roots: Roots = HOST_ROOTS) -> Iterator[tuple[str, str]]:
    """Yield (reason, advice) for why a value of the whole machine cannot be changed; nothing is written."""
    files, holders = changed_files(setting, roots), held_files(setting)
    paths = [*(Path(file.path) for file in files), *(roots.top / holder.path.lstrip("/") for holder in holders)]
    if not any(path.exists() for path in paths):
        yield "not available on this machine", "Leave it out."
    elif not all(path.exists() and path.stat().st_mode & 0o222 for path in paths):
        yield f"{paths[0]} is read-only here", "Leave it out."
    elif reason := next(filter(None, (_irreversible_reason(file, roots) for file in files)), None):
        yield reason, "Leave it out."
    elif error := next(filter(None, map(_open_error, paths)), None):
        reason = f"{paths[0]}, a value of the whole machine, cannot be changed: {error}"
        yield reason, "Run barehop as root, and not in a container."
    for file in files:
        choices = choices_of(file)
        if choices and action_of(file).wanted not in choices:
            yield f"{file.path} takes one of {', '.join(choices)}", "Choose from these."


def _irreversible_reason(file: FileText, roots: Roots) -> str | None:
    """Return why this file could not be restored after a change, or None."""
    if not Path(file.path).stat().st_mode & 0o444:
        return f"{file.path} is write-only, so its present value is unknown"
    name, now = sysctl_name(file.path, roots), read_text(Path(file.path)) or ""
    reason = irreversible_reason(name, file.text) or irreversible_reason(name, now)
    return f"{file.path} could not be restored: {reason}" if reason else None


def _open_error(path: Path) -> str | None:
    """Return why the file cannot be opened for writing, or None; nothing is written."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.strerror
    return None
