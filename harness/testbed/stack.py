"""A running stack as a context: inside it every arm has answered, and nginx has named the upstream that served it."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

from harness.errors import MachineError, StackError
from harness.model import SERVER_ROLES, Reply, Target
from harness.testbed.blueprint import Blueprint, null_server_name
from harness.testbed.dry_run import start_script
from harness.testbed.kernel.host_values import HostValueSwitch
from harness.testbed.network.namespace import NetworkNamespace
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
    pids: dict[str, tuple[int, ...]]  # by role: the workers
    null_servers: dict[str, RunningService]  # null servers in the application's place, by arm
    replies: dict[str, Reply]  # by arm: the answer that showed it ready
    relay: RunningService | None = None  # of the network rung
    network: StackNetwork = field(default_factory=StackNetwork)
    host_values: Mapping[str, str] = field(default_factory=dict)  # of its global knobs, read back before the start

    def enter_network(self) -> AbstractContextManager[None]:
        """Enter the client's network: sockets made inside can reach the stack."""
        return self.network.client.enter()

    def pids_of(self, arm: str) -> dict[str, tuple[int, ...]]:
        """Return the processes that serve `arm`, by role; a relay counts as part of the server behind it."""
        if arm in self.null_servers:
            return {"app": (self.null_servers[arm].main_pid(),)}
        roles = ROLES_OF_CHAIN[self.blueprint.arm(arm).settings.chain]
        relay = {self.blueprint.relay_role: (self.relay.main_pid(),)} if self.relay else {}
        return {role: (*self.pids[role], *relay.get(role, ())) for role in roles}

    @property
    def process_families(self) -> dict[str, ProcessFamily]:
        """Return the processes of nginx and of the application, by role; a relay counts with the server behind it."""
        servers = {"nginx": self.nginx, "app": self.app}
        relay = {self.blueprint.relay_role: (self.relay.main_pid(),)} if self.relay else {}
        return {
            role: ProcessFamily((*self.pids[role], *relay.get(role, ())), (server.supervisor.pid, server.main_pid()))
            for role, server in servers.items()
        }

    def check_workers(self) -> None:
        """Raise StackError unless the workers are the same as when the stack became ready."""
        for service in (*self.null_servers.values(), *filter(None, [self.relay])):
            service.check()
        for role, server in (("nginx", self.nginx), ("app", self.app)):
            pids = server.worker_pids()
            if pids != self.pids[role]:
                log = server.service.log
                raise StackError(
                    f"{server.service.name}: the workers {_pid_list(self.pids[role])} of this session's start are now "
                    f"{_pid_list(pids)}. Its log, {log}, ends:\n{log_excerpt(log)}"
                )


@contextmanager
def start_stacks(
    blueprints: Sequence[Blueprint], ask: Probe, switch: HostValueSwitch | None = None
) -> Iterator[list[Stack]]:
    """Start all stacks of a session side by side and yield them. Raises StackError where an arm answers wrongly or not.

    With a `switch` that has values to set, start them one after the other, each under its own values of the whole
    machine: a process or a socket takes some of these when it is created.
    """
    with ExitStack() as exit_stack:
        if switch and not switch.is_idle:
            yield [_start_under(switch, blueprint, ask, exit_stack) for blueprint in blueprints]
            return
        started = [exit_stack.enter_context(_start_services(blueprint)) for blueprint in blueprints]
        yield [_await_stack(blueprint, services, ask) for blueprint, services in zip(blueprints, started, strict=True)]


def _start_under(switch: HostValueSwitch, blueprint: Blueprint, ask: Probe, exit_stack: ExitStack) -> Stack:
    values = switch.switch_to(blueprint.kernel)
    return replace(
        _await_stack(blueprint, exit_stack.enter_context(_start_services(blueprint)), ask), host_values=values
    )


@dataclass(frozen=True, slots=True)
class _Services:
    app: RunningService
    nginx: RunningService
    null_servers: dict[str, RunningService]
    relay: RunningService | None
    network: StackNetwork

    @property
    def all_services(self) -> tuple[RunningService, ...]:
        return (self.app, self.nginx, *self.null_servers.values(), *filter(None, [self.relay]))


@contextmanager
def _start_services(blueprint: Blueprint) -> Iterator[_Services]:
    """Start the servers of a stack. The application's supervisor makes the directories: it is first in and last out."""
    _write_files(blueprint)
    with ExitStack() as exit_stack:
        network = exit_stack.enter_context(
            create_stack_network(blueprint.kernel, blueprint.network_path, blueprint.far_ports)
        )

        def start(service: Service, place: NetworkNamespace) -> RunningService:
            with place.enter():
                return exit_stack.enter_context(start_service(service))

        app = start(_app_service(blueprint), network.app)
        with _listen_sockets(blueprint, network) as sockets:
            nginx = start(_nginx_service(blueprint, sockets), network.nginx)
        bare = {arm: start(_null_server_service(blueprint, arm), network.base) for arm in blueprint.null_server_argvs}
        relayed = blueprint.network_path.relay
        relay = start(_relay_service(blueprint), network.places[relayed.place]) if relayed else None
        yield _Services(app, nginx, bare, relay, network)


@contextmanager
def _listen_sockets(blueprint: Blueprint, network: StackNetwork) -> Iterator[Sequence[socket.socket]]:
    """Yield the sockets that nginx takes over, where it listens in another network than the one it runs in."""
    if network.listen_network is network.nginx:
        yield ()
        return
    with network.listen_network.enter():
        sockets = open_sockets(blueprint.listen_addresses)
    try:
        yield sockets
    finally:
        for listener in sockets:
            listener.close()


def _await_stack(blueprint: Blueprint, services: _Services, ask: Probe) -> Stack:
    app, nginx = services.app, services.nginx
    with _explain_failure(blueprint), services.network.client.enter():
        replies = _await_replies(blueprint, ask, services)
        workers = _await_workers(app, blueprint.arms[0].settings.workers, blueprint.start_timeout_s)
    return Stack(
        blueprint=blueprint,
        nginx=nginx,
        app=app,
        pids={"nginx": _await_workers(nginx, 1, blueprint.start_timeout_s), "app": workers},
        null_servers=services.null_servers,
        replies=replies,
        relay=services.relay,
        network=services.network,
    )


def _app_service(blueprint: Blueprint) -> Service:
    return Service(
        name="gunicorn",
        argv=blueprint.gunicorn_argv,
        log=blueprint.directory / "gunicorn.log",
        cpus=blueprint.placement.cpus["app"],
        cwd=blueprint.directory,  # where no foreign gunicorn.conf.py lies
        env=server_environment(),
        directories=(*blueprint.private_directories, *blueprint.enclosures["app"].groups),
        attributes=blueprint.kernel.server_attributes,
        sandbox_steps=blueprint.enclosures["app"].supervisor_words,
    )


def _nginx_service(blueprint: Blueprint, sockets: Sequence[socket.socket]) -> Service:
    return Service(
        name="nginx",
        argv=blueprint.nginx_argv,
        log=blueprint.directory / "nginx.log",
        cpus=blueprint.placement.cpus["nginx"],
        directories=blueprint.enclosures["nginx"].groups,
        env=os.environ | socket_environment(sockets) if sockets else None,
        attributes=blueprint.kernel.server_attributes,
        inherited_descriptors=tuple(listener.fileno() for listener in sockets),
        sandbox_steps=blueprint.enclosures["nginx"].supervisor_words,
    )


def _relay_service(blueprint: Blueprint) -> Service:
    """Describe the relay: it shares the CPUs of the server behind it, as docker-proxy does."""
    return Service(
        name="relay",
        argv=blueprint.relay_argv,
        log=blueprint.directory / "relay.log",
        cpus=blueprint.placement.cpus[blueprint.relay_role],
        attributes=blueprint.kernel.server_attributes,
    )


def _null_server_service(blueprint: Blueprint, arm: str) -> Service:
    name = null_server_name(list(blueprint.null_server_argvs).index(arm))
    return Service(
        name="bare server",
        argv=blueprint.null_server_argvs[arm],
        log=blueprint.directory / f"{name}.log",
        cpus=blueprint.placement.cpus["app"],
        directories=blueprint.enclosures[name].groups,
        attributes=blueprint.kernel.server_attributes,
        sandbox_steps=blueprint.enclosures[name].supervisor_words,
    )


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


def _await_replies(blueprint: Blueprint, ask: Probe, services: _Services) -> dict[str, Reply]:
    """Return the correct answer of each arm. Raises StackError at once for a wrong answer, at the deadline for none."""
    deadline = time.monotonic() + blueprint.start_timeout_s
    replies: dict[str, Reply] = {}
    workers: set[int] = set()
    for arm, target in blueprint.targets.items():
        while arm not in replies:
            for service in services.all_services:
                service.check()
            workers.update(services.app.worker_pids())
            _check_restarts(workers, blueprint)
            probed = replace(target, timeout_s=min(target.timeout_s, blueprint.start_timeout_s))
            reply = _probe_arm(arm, probed, blueprint.expected_server(arm), ask)
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


def _probe_arm(arm: str, target: Target, server: str | None, ask: Probe) -> Reply | str:
    """Send one request: to nginx's check path where nginx names the server, else the arm's own request."""
    try:
        return ask(target, CHECK_PATH if server else target.path)
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
