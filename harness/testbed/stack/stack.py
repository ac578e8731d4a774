"""A running stack: its servers, networks and processes, and the answers that proved it ready."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import StackError
from harness.model import SERVER_ROLES, Reply
from harness.testbed.blueprint import Blueprint
from harness.testbed.network.sockmap import check_redirection
from harness.testbed.processes.process import ProcessFamily, SupervisedProcess, log_excerpt
from harness.testbed.sandbox.spec import Enclosure
from harness.testbed.stack.network import StackNetwork
from harness.testbed.standalone.sockmap import Sockmap

ROLES_OF_CHAIN: Mapping[str, Sequence[str]] = {
    "full": SERVER_ROLES,
    "proxy-only": ("nginx",),
    "app-direct": ("app",),
}


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that is up, with the pids that it had when it became ready."""

    blueprint: Blueprint
    nginx: SupervisedProcess
    app: SupervisedProcess  # other stacks may have the same one
    app_enclosure: Enclosure
    null_servers: dict[str, SupervisedProcess]  # null servers in the application's place, by arm
    relay: SupervisedProcess | None = None  # of the network rung
    network: StackNetwork = field(default_factory=StackNetwork)
    sockmap: Sockmap | None = None  # of its hop's sockets
    pids: dict[str, tuple[int, ...]] = field(default_factory=dict)  # by role: the workers
    replies: dict[str, Reply] = field(default_factory=dict)  # by arm: the answer that showed it ready
    host_values: Mapping[str, str] = field(default_factory=dict)  # of its global knobs, read back before the start

    def enter_network(self) -> AbstractContextManager[None]:
        """Enter the client's network: sockets made inside can reach the stack."""
        return self.network.of("client").enter()

    def pids_of(self, arm: str) -> dict[str, tuple[int, ...]]:
        """Return the processes that serve `arm`, by role."""
        if arm in self.null_servers:
            return {"app": (self.null_servers[arm].main_pid(),)}
        roles = ROLES_OF_CHAIN[self.blueprint.arm(arm).settings.chain]
        return {role: self._serving_pids(role) for role in roles}

    @property
    def servers(self) -> tuple[SupervisedProcess, ...]:
        """Its servers."""
        return (self.app, self.nginx, *self.null_servers.values(), *filter(None, [self.relay]))

    @property
    def app_log(self) -> Path:
        """The log of its application server."""
        return self.app.command.log

    @property
    def enclosures(self) -> dict[str, Enclosure]:
        """The enclosures of its servers, by name."""
        return self.blueprint.enclosures | {"app": self.app_enclosure}

    @property
    def process_families(self) -> dict[str, ProcessFamily]:
        """Return the processes of nginx and of the application, by role.

        The master of nginx and of gunicorn serves no request; what the first process of another server does is unknown.
        """
        return {
            role: ProcessFamily(
                self._serving_pids(role),
                (server.supervisor.pid, *([server.main_pid()] if self._has_master(role) else [])),
            )
            for role, server in (("nginx", self.nginx), ("app", self.app))
        }

    def check_servers(self) -> None:
        """Raise StackError with the end of its log for a server that has ended."""
        for server in self.servers:
            server.check()

    def check_workers(self) -> None:
        """Raise StackError unless the workers are the same as when the stack became ready."""
        self.check_servers()
        if self.sockmap:
            check_redirection(self.sockmap)
        for role, server in (("nginx", self.nginx), ("app", self.app)):
            pids = server.worker_pids() if self._has_master(role) else self._lasting_pids(role, server)
            if pids != self.pids[role]:
                log = server.command.log
                raise StackError(
                    f"{server.command.name}: the workers {_pid_list(self.pids[role])} of this session's start are now "
                    f"{_pid_list(pids)}. Its log, {log}, ends:\n{log_excerpt(log)}"
                )

    def _has_master(self, role: str) -> bool:
        """Return whether the workers of a role are the children of its first process."""
        return role == "nginx" or self.blueprint.has_gunicorn

    def _lasting_pids(self, role: str, server: SupervisedProcess) -> tuple[int, ...]:
        """Return the processes of the start that still run; others may come and go."""
        living = server.family_pids()
        return tuple(pid for pid in self.pids[role] if pid in living)

    def _serving_pids(self, role: str) -> tuple[int, ...]:
        """Return the workers of a role; a relay counts with the server behind it."""
        is_relayed = self.relay and role == self.blueprint.relay_role
        return (*self.pids[role], self.relay.main_pid()) if self.relay and is_relayed else self.pids[role]


def _pid_list(pids: tuple[int, ...]) -> str:
    return ", ".join(map(str, pids)) or "none"
