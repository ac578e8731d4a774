"""A running stack as a context: inside it every arm has answered, and nginx has named the upstream that served it."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

from harness.errors import MachineError, StackError
from harness.model import SERVER_ROLES, Reply, Target
from harness.testbed.blueprint import Blueprint, Server, null_server_name
from harness.testbed.dry_run import start_script
from harness.testbed.kernel.host_values import HostValueSwitch
from harness.testbed.processes.output import read_log_end
from harness.testbed.processes.process import ProcessFamily, RunningService, Service, log_excerpt, start_service
from harness.testbed.servers.failures import application_problem, lasting_502, refusal_hint
from harness.testbed.servers.gunicorn import server_environment
from harness.testbed.servers.nginx import CHECK_HEADER, CHECK_PATH, write_certificate
from harness.testbed.stack_network import StackNetwork, create_stack_network
from harness.testbed.standalone.listen import open_sockets, socket_environment

POLL_S = 0.03
MAX_RESTARTS = 3  # of workers that end before they answer; more means that each of them ends
BAD_GATEWAY = 502
STARTUP_STATUSES = (BAD_GATEWAY, 503, 504)  # the statuses of nginx while the application is not up yet

ROLES_OF_CHAIN: Mapping[str, Sequence[str]] = {
    "full": SERVER_ROLES,
    "proxy-only": ("nginx",),
    "app-direct": ("app",),
}

Probe = Callable[[Target, str], Reply | str]


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that is up, with the pids that it had when it became ready."""

    blueprint: Blueprint
    nginx: RunningService
    app: RunningService
    null_servers: dict[str, RunningService]  # null servers in the application's place, by arm
    relay: RunningService | None = None  # of the network rung
    network: StackNetwork = field(default_factory=StackNetwork)
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
    def process_families(self) -> dict[str, ProcessFamily]:
        """Return the processes of nginx and of the application, by role."""
        return {
            role: ProcessFamily(self._serving_pids(role), (server.supervisor.pid, server.main_pid()))
            for role, server in (("nginx", self.nginx), ("app", self.app))
        }

    def check_services(self) -> None:
        """Raise StackError with the end of its log for a service that has ended."""
        for service in (self.app, self.nginx, *self.null_servers.values(), *filter(None, [self.relay])):
            service.check()

    def check_workers(self) -> None:
        """Raise StackError unless the workers are the same as when the stack became ready."""
        self.check_services()
        for role, server in (("nginx", self.nginx), ("app", self.app)):
            pids = server.worker_pids()
            if pids != self.pids[role]:
                log = server.service.log
                raise StackError(
                    f"{server.service.name}: the workers {_pid_list(self.pids[role])} of this session's start are now "
                    f"{_pid_list(pids)}. Its log, {log}, ends:\n{log_excerpt(log)}"
                )

    def _serving_pids(self, role: str) -> tuple[int, ...]:
        """Return the workers of a role; a relay counts with the server behind it."""
        is_relayed = self.relay and role == self.blueprint.relay_role
        return (*self.pids[role], self.relay.main_pid()) if self.relay and is_relayed else self.pids[role]


@contextmanager
def start_stacks(
    blueprints: Sequence[Blueprint], ask: Probe, switch: HostValueSwitch | None = None
) -> Iterator[list[Stack]]:
    """Start all stacks of a session side by side and yield them. Raises StackError where an arm answers wrongly or not.

    With a `switch` that has values to set, start them one after the other, each under its own values of the whole
    machine: a process or a socket takes some of these when it is created.
    """
    with ExitStack() as exit_stack:
        if not switch or switch.is_idle:
            started = [exit_stack.enter_context(_start_servers(blueprint)) for blueprint in blueprints]
            yield [_await_stack(stack, ask) for stack in started]
            return
        stacks = []
        for blueprint in blueprints:
            host_values = switch.switch_to(blueprint.kernel)
            stack = _await_stack(exit_stack.enter_context(_start_servers(blueprint)), ask)
            stacks.append(replace(stack, host_values=host_values))
        yield stacks


@contextmanager
def _start_servers(blueprint: Blueprint) -> Iterator[Stack]:
    """Start the servers of a stack, which are not ready yet. The first is the last out, and has the directories."""
    _write_files(blueprint)
    with ExitStack() as exit_stack:
        network = exit_stack.enter_context(
            create_stack_network(blueprint.kernel, blueprint.network_path, blueprint.far_ports)
        )
        services: dict[str, RunningService] = {}
        for server in blueprint.servers:
            with _listening_sockets(blueprint, server, network) as sockets, network.at(server.place).enter():
                service = _service_of(blueprint, server, sockets)
                services[server.name] = exit_stack.enter_context(start_service(service))
        null_servers = {
            arm: services[null_server_name(number)] for number, arm in enumerate(blueprint.addresses.null_servers)
        }
        yield Stack(blueprint, services["nginx"], services["app"], null_servers, services.get("relay"), network)


@contextmanager
def _listening_sockets(
    blueprint: Blueprint, server: Server, network: StackNetwork
) -> Iterator[Sequence[socket.socket]]:
    """Yield the sockets that nginx takes over, where it listens in another network than the one it runs in."""
    if server.name != "nginx" or network.of("listen") is network.of("nginx"):
        yield ()
        return
    with network.of("listen").enter():
        sockets = open_sockets(blueprint.listen_addresses)
    try:
        yield sockets
    finally:
        for listener in sockets:
            listener.close()


def _service_of(blueprint: Blueprint, server: Server, sockets: Sequence[socket.socket]) -> Service:
    is_app = server.name == "app"
    environment = os.environ | socket_environment(sockets) if sockets else None
    return Service(
        name=server.title,
        argv=server.argv,
        log=server.log,
        cpus=server.cpus,
        cwd=blueprint.directory if is_app else None,  # where no foreign gunicorn.conf.py lies
        env=server_environment() if is_app else environment,
        directories=(*(blueprint.private_directories if is_app else ()), *server.enclosure.groups),
        attributes=blueprint.kernel.server_attributes,
        inherited_descriptors=tuple(listener.fileno() for listener in sockets),
        sandbox_steps=server.enclosure.supervisor_words,
    )


def _await_stack(stack: Stack, ask: Probe) -> Stack:
    """Return the stack with its answers and its workers, once it has them."""
    blueprint = stack.blueprint
    with _explain_failure(blueprint), stack.enter_network():
        replies = _await_replies(stack, ask)
        workers = _await_workers(stack.app, blueprint.arms[0].settings.workers, blueprint.start_timeout_s)
    pids = {"nginx": _await_workers(stack.nginx, 1, blueprint.start_timeout_s), "app": workers}
    return replace(stack, pids=pids, replies=replies)


def _write_files(blueprint: Blueprint) -> None:
    directory = blueprint.directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "nginx.conf").write_text(blueprint.nginx_conf)
        (directory / "start.sh").write_text(start_script(blueprint))
        with suppress(PermissionError):  # a file system without modes; sh start.sh works too
            (directory / "start.sh").chmod(0o755)
        for path, content in {file for enclosure in blueprint.enclosures.values() for file in enclosure.files}:
            path.write_bytes(content)
        if blueprint.certificate:
            write_certificate(blueprint.certificate)
    except OSError as error:
        raise MachineError(
            f"{directory} cannot be written: {error.strerror}. Free some space, or choose another place with --out."
        ) from None


@contextmanager
def _explain_failure(blueprint: Blueprint) -> Iterator[None]:
    """Put the application's own error, where gunicorn's log shows one, before the failure that follows from it."""
    try:
        yield
    except StackError as error:
        log = read_log_end(blueprint.directory / "gunicorn.log")
        cause = application_problem(blueprint.arms[0].settings, blueprint.gunicorn_argv[0], log)
        raise StackError(f"{cause}\n{error}" if cause else str(error)) from None


def _await_replies(stack: Stack, ask: Probe) -> dict[str, Reply]:
    """Return the correct answer of each arm. Raises StackError at once for a wrong answer, at the deadline for none."""
    blueprint = stack.blueprint
    deadline = time.monotonic() + blueprint.start_timeout_s
    replies: dict[str, Reply] = {}
    workers: set[int] = set()
    for arm in blueprint.targets:
        while arm not in replies:
            stack.check_services()
            workers.update(stack.app.worker_pids())
            _check_restarts(workers, blueprint)
            reply = _probe_arm(arm, blueprint, ask)
            if isinstance(reply, Reply) and reply.status not in STARTUP_STATUSES:
                replies[arm] = _verify_reply(arm, reply, blueprint)
            elif time.monotonic() > deadline:
                raise StackError(_timeout_message(arm, reply, blueprint))
            else:
                _check_lasting_502(arm, reply, blueprint)
                time.sleep(POLL_S)
    return replies


def _check_restarts(workers: set[int], blueprint: Blueprint) -> None:
    """Raise StackError when `workers`, all pids so far, are so many that workers must end before they answer."""
    restarts = len(workers) - blueprint.arms[0].settings.workers
    if restarts > MAX_RESTARTS:
        log = blueprint.directory / "gunicorn.log"
        raise StackError(
            f"gunicorn's workers end before they answer: it has started {restarts} more than it should have. Correct "
            f"the application. The log {log} ends:\n{log_excerpt(log)}"
        )


def _check_lasting_502(arm: str, reply: Reply | str, blueprint: Blueprint) -> None:
    """Raise StackError when nginx will answer 502 to every further request."""
    if isinstance(reply, Reply) and reply.status == BAD_GATEWAY:
        reason = lasting_502(blueprint.arm(arm).settings, read_log_end(blueprint.directory / "nginx.log"))
        if reason:
            raise StackError(f"Arm {arm!r}: nginx answers {blueprint.targets[arm].path} with status 502. {reason}")


def _probe_arm(arm: str, blueprint: Blueprint, ask: Probe) -> Reply | str:
    """Send one request: to nginx's check path where nginx names the server, else the arm's own request."""
    target = blueprint.targets[arm]
    target = replace(target, timeout_s=min(target.timeout_s, blueprint.start_timeout_s))
    try:
        return ask(target, CHECK_PATH if blueprint.expected_server(arm) else target.path)
    except StackError as error:
        raise StackError(f"Arm {arm!r}: {error}") from None


def _verify_reply(arm: str, reply: Reply, blueprint: Blueprint) -> Reply:
    """Return `reply` where its server and its status are right. Raises StackError."""
    expected, actual = blueprint.expected_server(arm), reply.headers.get(CHECK_HEADER.lower(), "no upstream")
    if expected and actual != expected:
        raise StackError(
            f"Arm {arm!r} was served by {actual} instead of {expected}. Another server may use the same address."
        )
    if not 200 <= reply.status < 300:
        target, log = blueprint.targets[arm], blueprint.directory / "gunicorn.log"
        hint = refusal_hint(blueprint.arm(arm).settings, target.host_header, reply)
        raise StackError(
            f"Arm {arm!r} answers {target.path} with status {reply.status} instead of 2xx. Correct the path or the "
            f"application. {hint}{' ' if hint else ''}The log {log} ends:\n{log_excerpt(log)}"
        )
    return reply


def _timeout_message(arm: str, reply: Reply | str, blueprint: Blueprint) -> str:
    last = f"status {reply.status}" if isinstance(reply, Reply) else reply
    logs = "\n".join(log_excerpt(blueprint.directory / name) for name in ("gunicorn.log", "nginx.log"))
    return (
        f"Arm {arm!r} did not answer within {blueprint.start_timeout_s:g} s, its start_timeout_s; the last attempt "
        f"gave {last}. Set start_timeout_s to more if the application takes longer to start. The logs end:\n{logs}"
    )


def _await_workers(service: RunningService, count: int, limit_s: float) -> tuple[int, ...]:
    """Return the pids of the workers once there are `count`: gunicorn starts them one after the other, with pauses."""
    deadline, name = time.monotonic() + limit_s, service.service.name
    while len(pids := service.worker_pids()) < count:
        if time.monotonic() > deadline:
            raise StackError(f"{name} has {len(pids)} of its {count} workers after {limit_s:g} s, its start_timeout_s.")
        time.sleep(POLL_S)
    return pids


def _pid_list(pids: tuple[int, ...]) -> str:
    return ", ".join(map(str, pids)) or "none"
