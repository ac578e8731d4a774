"""A stack as a context: when it is entered every arm has answered through nginx over its own transport."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

from harness.errors import MachineError, StackError
from harness.lab.app_failures import application_problem
from harness.lab.blueprint import Blueprint, bare_name
from harness.lab.by_hand import start_script
from harness.lab.certificate import write_certificate
from harness.lab.doors import named, opened
from harness.lab.family import Family
from harness.lab.gunicorn import server_environment
from harness.lab.kernel.global_values import Switch
from harness.lab.logs import tail
from harness.lab.network.netns import Network
from harness.lab.network.networks import StackNetwork, network_of
from harness.lab.nginx import CHECK_HEADER, CHECK_PATH
from harness.lab.process import Running, Service, log_tail, running
from harness.lab.refusals import lasting_502, refusal_hint
from harness.model import SERVER_ROLES, Reply, Target

POLL_S = 0.03
MOST_RESTARTS = 3  # of a worker before it has answered: after that it ends each time
BAD_GATEWAY = 502
STARTING = (BAD_GATEWAY, 503, 504)  # what nginx says while the application is not there yet

ROLES_OF: Mapping[str, Sequence[str]] = {
    "full": SERVER_ROLES,
    "proxy-only": ("nginx",),
    "app-direct": ("app",),
}

Ask = Callable[[Target, str], Reply | str]


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that is up. Pids are those that were there when it became ready."""

    blueprint: Blueprint
    nginx: Running
    app: Running
    pids: dict[str, tuple[int, ...]]  # by role: the workers
    bare: dict[str, Running]  # the servers in the application's place, by arm
    replies: dict[str, Reply]  # by arm: the answer that proved it ready
    relay: Running | None = None  # on the way of the rung
    network: StackNetwork = field(default_factory=StackNetwork)
    global_values: Mapping[str, str] = field(default_factory=dict)  # of its knobs, read back before it was started

    def inside(self) -> AbstractContextManager[None]:
        """Sockets that are made inside can reach the stack."""
        return self.network.client.entered()

    def pids_of(self, arm: str) -> dict[str, tuple[int, ...]]:
        """The processes that serve `arm`, by role. A relay's work counts as that of the server behind it."""
        if arm in self.bare:
            return {"app": (self.bare[arm].main_pid(),)}
        roles = ROLES_OF[self.blueprint.arm(arm).settings.chain]
        relay = {self.blueprint.relay_role: (self.relay.main_pid(),)} if self.relay else {}
        return {role: (*self.pids[role], *relay.get(role, ())) for role in roles}

    @property
    def families(self) -> dict[str, Family]:
        """nginx's and the application's processes, a relay among those of the server behind it."""
        servers = {"nginx": self.nginx, "app": self.app}
        relay = {self.blueprint.relay_role: (self.relay.main_pid(),)} if self.relay else {}
        return {
            role: Family((*self.pids[role], *relay.get(role, ())), (server.keeper.pid, server.main_pid()))
            for role, server in servers.items()
        }

    def check(self) -> None:
        """Raise StackError unless the very same workers are still there."""
        for server in (*self.bare.values(), *filter(None, [self.relay])):
            server.check()
        for role, running_ in (("nginx", self.nginx), ("app", self.app)):
            now = running_.worker_pids()
            if now != self.pids[role]:
                log = running_.service.log
                raise StackError(
                    f"{running_.service.name}: the workers {_listed(self.pids[role])} that began the session are now "
                    f"{_listed(now)}. Its log, {log}, ends:\n{log_tail(log)}"
                )


@contextmanager
def running_stacks(blueprints: Sequence[Blueprint], ask: Ask, switch: Switch | None = None) -> Iterator[list[Stack]]:
    """All stacks of a session, started side by side. Raises StackError when one does not come up with right answers.

    With a `switch` that has something to do, one after the other, each under its own values of the whole machine: some
    of them are what a process or a socket has from its beginning.
    """
    with ExitStack() as until_the_end:
        if switch and not switch.idle:
            yield [_under(switch, blueprint, ask, until_the_end) for blueprint in blueprints]
            return
        started = [until_the_end.enter_context(_started(blueprint)) for blueprint in blueprints]
        yield [_stack(blueprint, services, ask) for blueprint, services in zip(blueprints, started, strict=True)]


def _under(switch: Switch, blueprint: Blueprint, ask: Ask, until_the_end: ExitStack) -> Stack:
    values = switch.to(blueprint.kernel)
    return replace(_stack(blueprint, until_the_end.enter_context(_started(blueprint)), ask), global_values=values)


@dataclass(frozen=True, slots=True)
class _Services:
    app: Running
    nginx: Running
    bare: dict[str, Running]
    relay: Running | None
    network: StackNetwork

    @property
    def every(self) -> tuple[Running, ...]:
        return (self.app, self.nginx, *self.bare.values(), *filter(None, [self.relay]))


@contextmanager
def _started(blueprint: Blueprint) -> Iterator[_Services]:
    """The application's keeper makes the directories, so it comes first and goes last."""
    _write_files(blueprint)
    with ExitStack() as until_the_end:
        network = until_the_end.enter_context(network_of(blueprint.kernel, blueprint.way, blueprint.ports))

        def start(service: Service, where: Network) -> Running:
            with where.entered():
                return until_the_end.enter_context(running(service))

        app = start(_app_service(blueprint), network.app)
        with _doors(blueprint, network) as doors:
            nginx = start(_nginx_service(blueprint, doors), network.nginx)
        bare = {arm: start(_bare_service(blueprint, arm), network.network) for arm in blueprint.bare_argvs}
        relayed = blueprint.way.relay
        relay = start(_relay_service(blueprint), network.places[relayed.place]) if relayed else None
        yield _Services(app, nginx, bare, relay, network)


@contextmanager
def _doors(blueprint: Blueprint, network: StackNetwork) -> Iterator[Sequence[socket.socket]]:
    """The sockets that nginx listens on, where they are not to be of the network that it is in."""
    if network.doors is network.nginx:
        yield ()
        return
    with network.doors.entered():
        doors = opened(blueprint.doors)
    try:
        yield doors
    finally:
        for door in doors:
            door.close()


def _stack(blueprint: Blueprint, services: _Services, ask: Ask) -> Stack:
    app, nginx = services.app, services.nginx
    with _explained(blueprint), services.network.client.entered():
        replies = _ready(blueprint, ask, services)
        workers = _all_workers(app, blueprint.arms[0].settings.workers, blueprint.start_timeout_s)
    return Stack(
        blueprint=blueprint,
        nginx=nginx,
        app=app,
        pids={"nginx": _all_workers(nginx, 1, blueprint.start_timeout_s), "app": workers},
        bare=services.bare,
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
        cwd=blueprint.directory,  # where no gunicorn.conf.py of somebody else's lies
        env=server_environment(),
        directories=(*blueprint.private, *blueprint.enclosures["app"].groups),
        started_with=blueprint.kernel.of_servers,
        steps=blueprint.enclosures["app"].words,
    )


def _nginx_service(blueprint: Blueprint, doors: Sequence[socket.socket]) -> Service:
    return Service(
        name="nginx",
        argv=blueprint.nginx_argv,
        log=blueprint.directory / "nginx.log",
        cpus=blueprint.placement.cpus["nginx"],
        directories=blueprint.enclosures["nginx"].groups,
        env=os.environ | named(doors) if doors else None,
        started_with=blueprint.kernel.of_servers,
        inherited=tuple(door.fileno() for door in doors),
        steps=blueprint.enclosures["nginx"].words,
    )


def _relay_service(blueprint: Blueprint) -> Service:
    """On the CPUs of the server behind it, as docker-proxy is on those of the container's machine."""
    return Service(
        name="relay",
        argv=blueprint.relay_argv,
        log=blueprint.directory / "relay.log",
        cpus=blueprint.placement.cpus[blueprint.relay_role],
        started_with=blueprint.kernel.of_servers,
    )


def _bare_service(blueprint: Blueprint, arm: str) -> Service:
    name = bare_name(list(blueprint.bare_argvs).index(arm))
    return Service(
        name="bare server",
        argv=blueprint.bare_argvs[arm],
        log=blueprint.directory / f"{name}.log",
        cpus=blueprint.placement.cpus["app"],
        directories=blueprint.enclosures[name].groups,
        started_with=blueprint.kernel.of_servers,
        steps=blueprint.enclosures[name].words,
    )


def _write_files(blueprint: Blueprint) -> None:
    directory = blueprint.directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "nginx.conf").write_text(blueprint.nginx_conf)
        (directory / "start.sh").write_text(start_script(blueprint))
        with suppress(PermissionError):  # a file system without modes; sh start.sh works too
            (directory / "start.sh").chmod(0o755)
        for path, content in {file for one in blueprint.enclosures.values() for file in one.files}:
            path.write_bytes(content)
        if blueprint.certificate:
            write_certificate(blueprint.certificate)
    except OSError as error:
        raise MachineError(
            f"{directory} cannot be written: {error.strerror}. Free some space, or choose another place with --out."
        ) from None


@contextmanager
def _explained(blueprint: Blueprint) -> Iterator[None]:
    """Put the application's fault, where gunicorn's log tells one, before what failed because of it."""
    try:
        yield
    except StackError as error:
        log = tail(blueprint.directory / "gunicorn.log")
        cause = application_problem(blueprint.arms[0].settings, blueprint.gunicorn_argv[0], log)
        raise StackError(f"{cause}\n{error}" if cause else str(error)) from None


def _ready(blueprint: Blueprint, ask: Ask, services: _Services) -> dict[str, Reply]:
    """The right answer of each arm, or a StackError: at once when one is wrong, in the end when none comes."""
    deadline = time.monotonic() + blueprint.start_timeout_s
    replies: dict[str, Reply] = {}
    workers: set[int] = set()
    for arm, target in blueprint.targets.items():
        while arm not in replies:
            for service in services.every:
                service.check()
            workers.update(services.app.worker_pids())
            _check_restarts(workers, blueprint)
            limited = replace(target, timeout_s=min(target.timeout_s, blueprint.start_timeout_s))
            reply = _asked(arm, limited, blueprint.server(arm), ask)
            if isinstance(reply, Reply) and reply.status not in STARTING:
                replies[arm] = _right(arm, reply, blueprint)
            elif time.monotonic() > deadline:
                raise StackError(_not_ready(arm, reply, blueprint))
            else:
                _check_lasting(arm, reply, blueprint)
                time.sleep(POLL_S)
    return replies


def _check_restarts(workers: set[int], blueprint: Blueprint) -> None:
    """Raise StackError when `workers`, all that there have been, are so many that each of them must have ended."""
    restarts = len(workers) - blueprint.arms[0].settings.workers
    if restarts > MOST_RESTARTS:
        log = blueprint.directory / "gunicorn.log"
        raise StackError(
            f"gunicorn's workers end before they answer: it has started {restarts} more than it should have. Correct "
            f"the application. The log {log} ends:\n{log_tail(log)}"
        )


def _check_lasting(arm: str, reply: Reply | str, blueprint: Blueprint) -> None:
    """Raise StackError when nginx will answer 502 however often it is asked."""
    if isinstance(reply, Reply) and reply.status == BAD_GATEWAY:
        why = lasting_502(blueprint.arm(arm).settings, tail(blueprint.directory / "nginx.log"))
        if why:
            raise StackError(f"Arm {arm!r}: nginx answers {blueprint.targets[arm].path} with status 502. {why}")


def _asked(arm: str, target: Target, server: str | None, ask: Ask) -> Reply | str:
    """nginx is asked where it says who served; without nginx the question is the arm's own."""
    try:
        return ask(target, CHECK_PATH if server else target.path)
    except StackError as error:
        raise StackError(f"Arm {arm!r}: {error}") from None


def _right(arm: str, reply: Reply, blueprint: Blueprint) -> Reply:
    expected, seen = blueprint.server(arm), reply.headers.get(CHECK_HEADER.lower(), "nobody")
    if expected and seen != expected:
        raise StackError(f"Arm {arm!r} was served by {seen} instead of {expected}. Is another server in the way?")
    if not 200 <= reply.status < 300:
        target, log = blueprint.targets[arm], blueprint.directory / "gunicorn.log"
        hint = refusal_hint(blueprint.arm(arm).settings, target.host_field, reply)
        raise StackError(
            f"Arm {arm!r} answers {target.path} with status {reply.status} instead of 2xx. Correct the path or the "
            f"application. {hint}{' ' if hint else ''}The log {log} ends:\n{log_tail(log)}"
        )
    return reply


def _not_ready(arm: str, reply: Reply | str, blueprint: Blueprint) -> str:
    last = f"status {reply.status}" if isinstance(reply, Reply) else reply
    logs = "\n".join(log_tail(blueprint.directory / name) for name in ("gunicorn.log", "nginx.log"))
    return (
        f"Arm {arm!r} did not answer within {blueprint.start_timeout_s:g} s, its start_timeout_s; the last try gave "
        f"{last}. Set start_timeout_s to more if the application takes longer to start. The logs end:\n{logs}"
    )


def _all_workers(service: Running, count: int, limit_s: float) -> tuple[int, ...]:
    """The pids once all are there: gunicorn starts its workers one after the other, with pauses."""
    deadline, name = time.monotonic() + limit_s, service.service.name
    while len(pids := service.worker_pids()) < count:
        if time.monotonic() > deadline:
            raise StackError(f"{name} has {len(pids)} of its {count} workers after {limit_s:g} s, its start_timeout_s.")
        time.sleep(POLL_S)
    return pids


def _listed(pids: tuple[int, ...]) -> str:
    return ", ".join(map(str, pids)) or "none"
