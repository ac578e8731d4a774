"""What a rung is: one kernel mechanism more on the way from bare process to container, as data."""

from dataclasses import dataclass
from typing import Literal

Namespace = Literal["user", "mount", "pid", "uts", "ipc", "cgroup"]


@dataclass(frozen=True, slots=True)
class NetworkRung:
    """What lies on the way of a connection. `below` is the rung that it stands on and is compared with; "" for none."""

    below: str


@dataclass(frozen=True, slots=True)
class SandboxRung:
    """What servers run under, beside whatever network they have; several together ask for all that each asks for.

    `stands_for` is it in the words of container tools. `by_hand` are commands that show it to anyone, with COMMAND in
    the server's place. `filtered` stands for no_new_privs and a filter of system calls. A pid namespace comes with a
    /proc of its own.
    """

    stands_for: str
    by_hand: tuple[str, ...]
    cgroup: bool = False
    namespaces: tuple[Namespace, ...] = ()
    overlay: bool = False
    filtered: bool = False
    no_store_bypass: bool = False
