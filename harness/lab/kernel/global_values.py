"""Gives the whole machine the values of a stack's global knobs before the stack is visited, under a journal."""

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
    """Changes what differs and nothing else. `now` is what each file was given last, by path."""

    entries: dict[str, Entry]
    now: dict[str, str]
    idle: bool = False  # whether no stack has a global knob
    held: dict[HeldOpen, int] = field(default_factory=dict)

    def to(self, kernel: Kernel) -> dict[str, str]:
        """The values of the stack's global knobs, read back, by name. MachineError where somebody else interferes."""
        settings = kernel.of("global")
        wanted = {file.path: file for setting in settings for file in files_of(setting)}
        for group in groups_of(self.entries.values()):
            self._turn(group, {entry.path: wanted[entry.path] for entry in group if entry.path in wanted})
        self._hold({holder for setting in settings for holder in holders_of(setting)})
        return {setting.name: _shown(setting) for setting in settings}

    def under(self, kernel: Kernel, function: Callable[P, R]) -> Callable[P, R]:
        """The same function, called with the machine as `kernel` wants it."""
        if self.idle:
            return function

        def switching(*arguments: P.args, **named: P.kwargs) -> R:
            self.to(kernel)
            return function(*arguments, **named)

        return switching

    def let_go(self) -> None:
        self._hold(set())

    def _turn(self, group: Group, given: Mapping[str, FileText]) -> None:
        """Linked values are as they were before another of them is given: what one leaves, none of the others shows."""
        if (len(group) > 1 and any(self.now[path] != file.text for path, file in given.items())) or not given:
            for entry in to_write_back(group):
                if self.now[entry.path] != entry.before:
                    self._give(entry, entry.before, refusable=False)
                    self._follow(group)
        for entry in group:
            file = given.get(entry.path)
            if file and self.now[entry.path] != file.text:
                self._give(entry, file.text, refusable=file.refusable)
                self._follow(group)

    def _follow(self, group: Group) -> None:
        """What a change of one has made of the others."""
        if len(group) > 1:
            self.now |= {entry.path: value_of(entry.path, entry.form) for entry in group}

    def _give(self, entry: Entry, text: str, *, refusable: bool) -> None:
        seen, last = value_of(entry.path, entry.form), normal(self.now[entry.path], entry.form)
        if seen != last:
            raise MachineError(
                f"Somebody else has made {entry.path} {seen} while a run had made it {last}. Find out who it is, and "
                "measure again."
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
        found = value_of(entry.path, entry.form)
        if found != normal(text, entry.form):
            Path(entry.path).write_text(self.now[entry.path])
            raise MachineError(f"{entry.path} = {text}: the kernel makes {found} of it. Write that, or another value.")
        self.now[entry.path] = text

    def _hold(self, wanted: set[HeldOpen]) -> None:
        for holder in set(self.held) - wanted:
            os.close(self.held.pop(holder))
        for holder in wanted - set(self.held):
            self.held[holder] = os.open(holder.path, os.O_WRONLY | os.O_CLOEXEC)
            os.write(self.held[holder], holder.number.to_bytes(INT32_BYTES, sys.byteorder, signed=True))


@contextmanager
def global_values(kernels: Sequence[Kernel], directory: Path | None = None, roots: Roots = HERE) -> Iterator[Switch]:
    """A switch between the values of `kernels`; afterwards the machine is as it was. Raises MachineError.

    The journal is in `directory`, or where that of runs is.
    """
    settings = [setting for kernel in kernels for setting in kernel.of("global")]
    entries = _entries(settings, roots)
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
    """The places of a round so that those with equal global values follow each other, blocks as they came first.

    `kernels` are those of the places. In a random order, so is that of the blocks, and that inside each.
    """
    blocks: dict[tuple[Setting, ...], list[int]] = {}
    for place in order:
        blocks.setdefault(kernels[place].of("global"), []).append(place)
    return [place for block in blocks.values() for place in block]


def _entries(settings: Sequence[Setting], roots: Roots) -> dict[str, Entry]:
    """By path; a value that several knobs give is theirs together."""
    given: dict[str, list[FileText]] = {}
    for setting in settings:
        for file in files_of(setting):
            given.setdefault(file.path, []).append(file)
    return {entry.path: entry for entry in entries_of(given, roots)}


def _shown(setting: Setting) -> str:
    values = [value_of(file.path, file.form) for file in files_of(setting)]
    return " ".join(dict.fromkeys(values)) or " ".join(str(holder.number) for holder in holders_of(setting))
