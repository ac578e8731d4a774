"""Who listens on the address of a server that is not gunicorn: it may be any program, with any processes."""

import time
from dataclasses import dataclass

from harness.errors import StackError
from harness.testbed.machine.listeners import holders_of, listening_addresses, socket_inodes
from harness.testbed.processes.process import log_excerpt
from harness.testbed.stack.stack import Stack

POLL_S = 0.03
ANY_HOST = ("0.0.0.0", "[::]")  # noqa: S104 - a server must not listen there


@dataclass(frozen=True, slots=True)
class Listeners:
    """The processes of a server that listen on `address`, where they listen in all, and which others listen there."""

    address: str
    pids: frozenset[int]
    own_addresses: frozenset[str]
    foreign_inodes: frozenset[str]

    @property
    def are_own(self) -> bool:
        """Whether this run's server, and no other, listens on the address."""
        return bool(self.pids) and not self.foreign_inodes


def read_listeners(stack: Stack, address: str) -> Listeners:
    """Return who listens on `address` now. Raises MachineError where a process of the server cannot be examined."""
    with stack.network.of("app").enter():
        addresses = listening_addresses()
    own = {pid: socket_inodes([pid]) & addresses.keys() for pid in stack.app.family_pids()}
    of_family = frozenset[str]().union(*own.values())
    pids = frozenset(pid for pid, inodes in own.items() if address in map(addresses.__getitem__, inodes))
    port = address.rpartition(":")[2]
    near = (address, *(f"{host}:{port}" for host in ANY_HOST if not pids and not address.startswith("/")))
    return Listeners(
        address,
        pids,
        own_addresses=frozenset(addresses[inode] for inode in of_family),
        foreign_inodes=frozenset(inode for inode, listened in addresses.items() if listened in near) - of_family,
    )


def require_own_listener(stack: Stack, arm: str) -> None:
    """Raise StackError unless the answer of `arm` came from this run's server."""
    if problem := listener_problem(stack, arm):
        raise StackError(problem)


def listener_problem(stack: Stack, arm: str) -> str:
    """Return why the answer of `arm` cannot come from this run's server, with the end of its log; "" if it can."""
    blueprint, log, name = stack.blueprint, stack.app_log, stack.app.command.name
    if blueprint.has_gunicorn or blueprint.arm(arm).settings.chain not in ("full", "app-direct"):
        return ""
    listeners = read_listeners(stack, blueprint.hops[blueprint.arm(arm).settings.transport].address)
    if listeners.are_own:
        return ""
    elsewhere = ", ".join(sorted(listeners.own_addresses))
    if listeners.foreign_inodes:
        others = holders_of(listeners.foreign_inodes) or "a process"
        problem = f"{listeners.address} is served by {others}, which this run has not started. Stop that server."
    elif elsewhere:
        problem = f"{name} listens on {elsewhere} instead of {listeners.address}. Pass it that address."
    else:
        problem = (
            f"{name} runs, but does not listen on {listeners.address} within {blueprint.start_timeout_s:g} s, its "
            "start_timeout_s. Pass it that address, or give it more time."
        )
    return f"Arm {arm!r}: {problem} Its log, {log}, ends:\n{log_excerpt(log)}"


def await_listeners(stack: Stack) -> tuple[int, ...]:
    """Return the processes that listen, lowest first, once two readings agree. Raises StackError.

    A process that only handles one request may hold the socket, too, but not for long. uvicorn with several workers
    has their parent beside them.
    """
    blueprint = stack.blueprint
    settings, (hop,) = blueprint.arms[0].settings, blueprint.hops.values()
    has_parent = settings.server == "uvicorn" and settings.workers > 1
    least = settings.workers + 1 if has_parent else 1
    deadline = time.monotonic() + blueprint.start_timeout_s
    before: frozenset[int] = frozenset()
    while True:
        pids = read_listeners(stack, hop.address).pids
        if len(pids) >= least and pids == before:
            return tuple(sorted(pids))
        if time.monotonic() > deadline:
            raise StackError(
                f"{stack.app.command.name} has {len(pids)} of its {least} processes that listen after "
                f"{blueprint.start_timeout_s:g} s, its start_timeout_s."
            )
        before = pids
        time.sleep(POLL_S)
