"""Sets the global knobs of a stack on the whole machine before the stack is visited, under a journal."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

from harness.errors import MachineError
from harness.lab.kernel.entries import Entry, Group, entries_of, groups_of, to_write_back, value_of
from harness.lab.kernel.global_files import files_of, holders_of
from harness.lab.kernel.journal import journaled, state_directory
from harness.lab.kernel.settings import Kernel, Setting
from harness.lab.kernel.turning import normal
from harness.lab.kernelfiles import HERE, Roots
from harness.model.knobs import FileText, HeldOpen

P = ParamSpec("P")
R = TypeVar("R")
INT32_BYTES = 4


@dataclass(slots=True)
class Switch:
    """Changes only the values that differ. `now` is the text that each file was given last, by path."""

    entries: dict[str, Entry]
    now: dict[str, str]
    idle: bool = False  # whether no stack has a global knob
    held: dict[HeldOpen, int] = field(default_factory=dict)

    def to(self, kernel: Kernel) -> dict[str, str]:
        """Set the stack's global knobs and return the values read back. Raises MachineError."""
        settings = kernel.of("global")
        wanted = {file.path: file for setting in settings for file in files_of(setting)}
        for group in groups_of(self.entries.values()):
            self._set_group(group, {entry.path: wanted[entry.path] for entry in group if entry.path in wanted})
        self._hold({holder for setting in settings for holder in holders_of(setting)})
        return {setting.name: _value_text(setting) for setting in settings}

    def under(self, kernel: Kernel, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function`, called with the machine set for `kernel`."""
        if self.idle:
            return function

        def call_switched(*arguments: P.args, **named: P.kwargs) -> R:
            self.to(kernel)
            return function(*arguments, **named)

        return call_switched

    def let_go(self) -> None:
        """Close the files that are held open."""
        self._hold(set())

    def _set_group(self, group: Group, given: Mapping[str, FileText]) -> None:
        """Write the texts of a group. Linked values are restored first, so that none keeps an effect of another."""
        if (len(group) > 1 and any(self.now[path] != file.text for path, file in given.items())) or not given:
            for entry in to_write_back(group):
                if self.now[entry.path] != entry.before:
                    self._give(entry, entry.before, refusable=False)
                    self._read_group(group)
        for entry in group:
            file = given.get(entry.path)
            if file and self.now[entry.path] != file.text:
                self._give(entry, file.text, refusable=file.refusable)
                self._read_group(group)

    def _read_group(self, group: Group) -> None:
        """Read what a change of one value has made of the others."""
        if len(group) > 1:
            self.now |= {entry.path: value_of(entry.path, entry.form) for entry in group}

    def _give(self, entry: Entry, text: str, *, refusable: bool) -> None:
        actual, expected = value_of(entry.path, entry.form), normal(self.now[entry.path], entry.form)
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
        result = value_of(entry.path, entry.form)
        if result != normal(text, entry.form):
            Path(entry.path).write_text(self.now[entry.path])
            raise MachineError(f"{entry.path} = {text}: the kernel changes it to {result}. Give that or another value.")
        self.now[entry.path] = text

    def _hold(self, wanted: set[HeldOpen]) -> None:
        for holder in set(self.held) - wanted:
            os.close(self.held.pop(holder))
        for holder in wanted - set(self.held):
            self.held[holder] = os.open(holder.path, os.O_WRONLY | os.O_CLOEXEC)
            os.write(self.held[holder], holder.number.to_bytes(INT32_BYTES, sys.byteorder, signed=True))


@contextmanager
def global_values(kernels: Sequence[Kernel], directory: Path | None = None, roots: Roots = HERE) -> Iterator[Switch]:
    """Yield a switch between the values of `kernels`; restore the machine afterwards. Raises MachineError.

    The journal is in `directory`, by default in the state directory.
    """
    settings = [setting for kernel in kernels for setting in kernel.of("global")]
    entries = _entries_by_path(settings, roots)
    switch = Switch(dict(entries), {path: entry.before for path, entry in entries.items()}, idle=not settings)
    try:
        if entries:
            with journaled(directory or state_directory(os.environ), list(entries.values()), roots):
                yield switch
        else:
            yield switch
    finally:
        switch.let_go()


def in_blocks(order: Sequence[int], kernels: Sequence[Kernel]) -> list[int]:
    """Return the places of a round in blocks of equal global values, in the order of their first place.

    `kernels` are those of the places. In a random order, blocks and the places inside each stay in random order.
    """
    blocks: dict[tuple[Setting, ...], list[int]] = {}
    for place in order:
        blocks.setdefault(kernels[place].of("global"), []).append(place)
    return [place for block in blocks.values() for place in block]


def _entries_by_path(settings: Sequence[Setting], roots: Roots) -> dict[str, Entry]:
    """Return the entry of each file; a file that several knobs change has one entry."""
    given: dict[str, list[FileText]] = {}
    for setting in settings:
        for file in files_of(setting):
            given.setdefault(file.path, []).append(file)
    return {entry.path: entry for entry in entries_of(given, roots)}


def _value_text(setting: Setting) -> str:
    values = [value_of(file.path, file.form) for file in files_of(setting)]
    return " ".join(dict.fromkeys(values)) or " ".join(str(holder.number) for holder in holders_of(setting))
