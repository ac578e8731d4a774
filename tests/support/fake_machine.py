"""A machine in a directory, pasted from a quiet one, and what changes on it while it is watched."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.model import Doubt
from harness.observe.doubts.context import Context, ServerLog, StackProcesses
from harness.testbed.machine.placement import Placement
from harness.testbed.machine.procfs import Roots

QUIET = Path(__file__).parents[1] / "data/machine"

# Above the largest pid of Linux, so that they are nobody's.
CLIENT, NGINX, APP, STRANGER = 4194400, 4194401, 4194402, 4194409

Reading = TypeVar("Reading")


@dataclass(frozen=True, slots=True)
class Machine:
    top: Path

    @property
    def scene(self) -> Context:
        """nginx and the client on CPU 1, the app alone on CPU 0, as on any machine of two."""
        cpus = {"client": (1,), "nginx": (1,), "app": (0,)}
        pids = {"client": (CLIENT,), "nginx": (NGINX,), "app": (APP,)}
        return Context(processes=(StackProcesses(pids, Placement(cpus, "as pasted")),), roots=Roots(self.top))

    def write(self, name: str, text: str) -> None:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def change(self, name: str, pattern: str, replacement: str) -> None:
        """Replace what `pattern` finds in a file; it must be there."""
        path = self.top / name
        text, found = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
        assert found, f"{pattern} is not in {name}"
        path.write_text(text)

    def count_up(self, name: str, table: str, counter: str, by: int) -> None:
        """Raise a counter of a file like /proc/net/snmp, where one line names what the next one counts."""
        lines = (self.top / name).read_text().splitlines()
        names, values = (number for number, line in enumerate(lines) if line.startswith(f"{table}:"))
        place = lines[names].split().index(counter)
        words = lines[values].split()
        words[place] = str(int(words[place]) + by)
        lines[values] = " ".join(words)
        (self.top / name).write_text("\n".join(lines) + "\n")


def quiet_machine(directory: Path) -> Machine:
    return Machine(Path(shutil.copytree(QUIET, directory / "machine")))


def nginx_logs(machine: Machine, *names: str) -> tuple[ServerLog, ...]:
    return tuple(ServerLog("a", "nginx", machine.top / name) for name in names)


def doubted(
    read: Callable[[Context], Reading],
    doubts: Callable[[Reading, Reading], Iterator[Doubt]],
    scene: Context,
    meanwhile: Callable[[], None],
    after: Context | None = None,
) -> list[Doubt]:
    """The doubts about a subject when `meanwhile` happens between its two readings."""
    before = read(scene)
    meanwhile()
    return list(doubts(before, read(after or scene)))


def doubted_after(
    doubts: Callable[[Context], Iterator[Doubt]], scene: Context, meanwhile: Callable[[], None] = lambda: None
) -> list[Doubt]:
    """The doubts about the state of the machine after `meanwhile`."""
    meanwhile()
    return list(doubts(scene))
