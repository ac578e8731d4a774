"""The plan of a stack, complete before anything starts: placement, addresses, configuration files, command lines."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from harness.errors import MachineError, raise_if_any
from harness.experiment.arms import app_settings_key, server_files, stacks_of
from harness.model import SERVER_ROLES, Arm, Experiment, Settings, Target
from harness.model.plugins import LOOPBACK, NETWORK_SCOPES, NamespacePlace
from harness.testbed.hop_addresses import (
    NGINX_CHAINS,
    Addresses,
    Hop,
    ParentDirectories,
    addresses_of,
    hop_of,
    null_server_argv,
    relay_argv,
    usual_parents,
)
from harness.testbed.kernel.knob_settings import UNCHANGED_KERNEL, KernelConfiguration, kernel_configurations_of
from harness.testbed.machine.directories import free_ports, private_name
from harness.testbed.machine.placement import Placement, placement_of
from harness.testbed.machine.resources import require_proc
from harness.testbed.machine.topology import Topology, read_topology
from harness.testbed.network.build import HOST_PATH, NetworkPath, network_path_of
from harness.testbed.processes.layout import RANDOM_LAYOUT, Layout, layout_of
from harness.testbed.sandbox.spec import NO_ENCLOSURE, Enclosure, enclosure_of, sandbox_of
from harness.testbed.servers.application import AppServer, OwnCommand, app_server_checks, app_server_of
from harness.testbed.servers.gunicorn import Gunicorn
from harness.testbed.servers.nginx import (
    Certificate,
    Site,
    build_problems,
    certificate_paths,
    h2c_problems,
    nginx_argv,
    nginx_conf,
    worker_user,
)
from harness.testbed.servers.programs import find_library, find_nginx, require_protocol
from harness.testbed.standalone.enter import FIRST_DESCRIPTOR
from harness.testbed.standalone.listen import nginx_environment


@dataclass(frozen=True, slots=True)
class Machine:
    """What every stack on this machine is built from."""

    topology: Topology
    parents: ParentDirectories
    allows_host_values: bool = False  # whether knobs may change values of the whole machine
    front_host: str = LOOPBACK  # where nginx listens; another address lets clients on other machines connect


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a stack: `title` is its name in messages, `cpus` are those of its role.

    It runs in the network of `place`, or for None in that of the stack; `cwd`: in this directory, or for None in that
    of its caller. It inherits the listening sockets `inherits`, in the form of standalone/listen.py, as descriptors.
    `preload`: the libraries of LD_PRELOAD.
    """

    name: str
    title: str
    argv: tuple[str, ...]
    log: Path
    cpus: tuple[int, ...]
    place: NamespacePlace | None
    enclosure: Enclosure
    cwd: Path | None = None
    inherits: tuple[str, ...] = ()
    preload: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that it has beside those of all servers."""
        descriptors = range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + len(self.inherits))
        sockets = nginx_environment(descriptors) if self.inherits and self.name == "nginx" else {}
        return sockets | ({"LD_PRELOAD": self.preload} if self.preload else {})


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything that is decided about one stack before it starts."""

    directory: Path  # for nginx.conf, start.sh and logs
    arms: tuple[Arm, ...]
    placement: Placement
    addresses: Addresses
    private_directories: tuple[Path, ...]  # directories that exist as long as the stack
    certificate: Certificate | None
    nginx_conf: str
    nginx_argv: tuple[str, ...]
    app_server: AppServer
    app_arms: tuple[str, ...]  # all arms that its application server serves, those of other stacks too
    kernel: KernelConfiguration = UNCHANGED_KERNEL
    network_path: NetworkPath = HOST_PATH
    enclosures: dict[str, Enclosure] = field(default_factory=dict)  # by name of the server
    layout: Layout = RANDOM_LAYOUT
    nginx_preload: str = ""  # the libraries of LD_PRELOAD

    @property
    def hops(self) -> dict[str, Hop]:
        """The hops to the application, by transport."""
        return self.addresses.hops

    @property
    def has_gunicorn(self) -> bool:
        """Whether its application server is gunicorn, whose workers are known."""
        return isinstance(self.app_server, Gunicorn)

    @property
    def start_timeout_s(self) -> float:
        """The longest start_timeout_s of its arms."""
        return max(arm.settings.start_timeout_s for arm in self.arms)

    @property
    def targets(self) -> dict[str, Target]:
        """The address and the request of each arm, as its client uses them."""
        return self.addresses.targets

    @property
    def listen_host(self) -> str:
        """The address that nginx listens on."""
        return self.network_path.on("front").listen_host

    @property
    def listen_addresses(self) -> tuple[str, ...]:
        """The HOST:PORT that nginx listens on, for each arm that it serves."""
        names = (arm.name for arm in self.arms if arm.settings.chain in NGINX_CHAINS)
        return tuple(f"{self.listen_host}:{self.targets[name].port}" for name in names)

    @property
    def far_ports(self) -> tuple[int, ...]:
        """The ports at the far end of the network path."""
        hops = (hop.address for hop in self.hops.values() if not hop.directory)
        addresses = hops if self.network_path.leg == "hop" else self.listen_addresses
        return tuple(int(address.rpartition(":")[2]) for address in addresses)

    @property
    def sockmap_ports(self) -> tuple[int, ...]:
        """The ports of its hops whose sockets are in a sockmap."""
        hops = (hop for hop in self.hops.values() if hop.transport.in_sockmap)
        return tuple(int(hop.address.rpartition(":")[2]) for hop in hops)

    @property
    def socket_groups(self) -> tuple[Path, ...]:
        """The control groups of nginx and the application whose sockets enter the sockmap."""
        return tuple(group for role in SERVER_ROLES for group in self.enclosures[role].socket_groups)

    @property
    def relay_role(self) -> str:
        """The role of the server behind the relay; like docker-proxy, the relay uses its CPUs and counts with it."""
        return "nginx" if self.network_path.leg == "front" else "app"

    @property
    def servers(self) -> tuple[Server, ...]:
        """Its servers in the order of their start; the application comes first, because it has the directories."""
        path = self.network_path
        null_servers = (
            self._server(null_server_name(number), "null server", null_server_argv(hop))
            for number, hop in enumerate(self.addresses.null_servers.values())
        )
        servers = [
            self.app,
            *null_servers,
            self.nginx,
        ]
        if path.relay:
            argv = relay_argv(path.relay, self.far_ports)
            servers.append(self._server("relay", "relay", argv, self.relay_role, path.relay.place))
        return tuple(servers)

    @property
    def app(self) -> Server:
        """Its application server, if no other stack shares it; no server makes a socket of another protocol itself."""
        if any(hop.transport.socket_protocol for hop in self.hops.values()):
            return self.shared_app([self])
        return self._app(self.app_server.argv(hop.transport.uri(hop.address) for hop in self.hops.values()))

    def shared_app(self, group: Sequence["Blueprint"]) -> Server:
        """Return the gunicorn that all stacks of `group` share; it inherits its sockets in the order of the stacks."""
        servers = [blueprint.app_server for blueprint in group if isinstance(blueprint.app_server, Gunicorn)]
        arms = tuple(settings for server in servers for settings in server.arms)
        inherits = tuple(hop.listening_word for blueprint in group for hop in blueprint.hops.values())
        binds = (f"fd://{FIRST_DESCRIPTOR + number}" for number in range(len(inherits)))
        return replace(self._app(replace(servers[0], arms=arms).argv(binds)), inherits=inherits)

    @property
    def nginx(self) -> Server:
        """Its nginx. It inherits its listening sockets where it would make them in another network or protocol."""
        place = self.network_path.place_of("nginx")
        server = self._server("nginx", "nginx", self.nginx_argv, "nginx", place)
        makes_own = self.network_path.place_of("listen") == place and not self.nginx_preload
        return replace(server, inherits=() if makes_own else self.listen_addresses, preload=self.nginx_preload)

    def _app(self, argv: tuple[str, ...]) -> Server:
        return self._server("app", self.app_server.title, argv, place=self.network_path.place_of("app"))

    def _server(
        self, name: str, title: str, argv: tuple[str, ...], role: str = "app", place: NamespacePlace | None = None
    ) -> Server:
        log = self.directory / f"{self.app_kind if name == 'app' else name}.log"
        enclosure, cwd = self.enclosures.get(name, NO_ENCLOSURE), self.app_server.directory if name == "app" else None
        return Server(name, title, argv, log, self.placement.cpus[role], place, enclosure, cwd)

    @property
    def app_kind(self) -> str:
        """What the application server is: gunicorn, uvicorn or a command."""
        return "command" if isinstance(self.app_server, OwnCommand) else self.app_server.title

    def arm(self, name: str) -> Arm:
        """Return the arm called `name`."""
        return next(arm for arm in self.arms if arm.name == name)

    def expected_server(self, arm: str) -> str | None:
        """Return the upstream that nginx must name for `arm`; None where nginx takes no part."""
        return self.addresses.expected_server(self.arm(arm))


def survey_machine(results: Path) -> Machine:
    """Examine what stacks are built from. Raises MachineError where /proc is not mounted."""
    require_proc()
    return Machine(topology=read_topology(), parents=usual_parents(results))


def blueprints_of(experiment: Experiment, directory: Path, machine: Machine, session: int = 1) -> list[Blueprint]:
    """Return the stacks of one session. Their files go to `directory`; several stacks have a folder each in it."""
    groups, layout = stacks_of(experiment), layout_of(experiment.design, session)
    ports = free_ports(hosts=dict.fromkeys((LOOPBACK, machine.front_host)))
    directories = [directory / str(number) for number in range(1, len(groups) + 1)] if len(groups) != 1 else [directory]
    kernels = kernel_configurations_of(groups)
    keys = [
        (app_settings_key(arms[0], experiment.design), kernel.without_scopes(*NETWORK_SCOPES))
        for arms, kernel in zip(groups, kernels, strict=True)
    ]
    app_arms = [
        tuple(arm.name for arms, other in zip(groups, keys, strict=True) if other == key for arm in arms)
        for key in keys
    ]
    return [
        replace(blueprint_of(arms, path, machine, ports), kernel=kernel, app_arms=of_app, layout=layout)
        for arms, path, kernel, of_app in zip(groups, directories, kernels, app_arms, strict=True)
    ]


def blueprint_of(arms: Sequence[Arm], directory: Path, machine: Machine, ports: Iterator[int]) -> Blueprint:
    """Return the plan of the stack that serves `arms`, which agree in all process settings. Raises MachineError."""
    settings = arms[0].settings
    nginx = find_nginx(settings.nginx)
    scratch = _scratch_parent(machine) / private_name()
    has_tls = any(arm.settings.tls or arm.settings.hop_tls != "off" for arm in arms)
    certificate = certificate_paths(directory) if has_tls else None
    network_path = network_path_of(settings, machine.front_host)
    addresses = addresses_of(arms, machine.parents, certificate, ports, network_path)
    private = (scratch, *addresses.directories)
    sandbox = sandbox_of(settings)
    sandboxed = (*SERVER_ROLES, *map(null_server_name, range(len(addresses.null_servers))))
    return Blueprint(
        directory=directory,
        arms=tuple(arms),
        placement=placement_of(settings.placement, machine.topology, settings.workers),
        addresses=addresses,
        private_directories=private,
        certificate=certificate,
        nginx_conf=nginx_conf(nginx, _sites(arms, addresses, network_path), scratch, worker_user(), server_files(arms)),
        nginx_argv=nginx_argv(nginx, directory / "nginx.conf", scratch),
        app_server=app_server_of([arm.settings for arm in arms], scratch, certificate),
        app_arms=tuple(arm.name for arm in arms),
        network_path=network_path,
        nginx_preload=_nginx_preload(addresses),
        enclosures={name: enclosure_of(sandbox, name, scratch, (*private, directory)) for name in sandboxed},
    )


def _nginx_preload(addresses: Addresses) -> str:
    """Return LD_PRELOAD of an nginx whose hops need a library, with what the environment has; "" for any other."""
    patterns = {hop.transport.preload for hop in addresses.hops.values() if hop.transport.preload}
    libraries = [library for pattern in sorted(patterns) if (library := find_library(pattern))]
    return ":".join([*libraries, *filter(None, [os.environ.get("LD_PRELOAD")])]) if libraries else ""


def null_server_name(number: int) -> str:
    """Return the name of the null server with this number in its stack."""
    return f"bare-{number:02}"


def stack_problems(arms: Sequence[Arm], machine: Machine) -> Iterator[str]:
    """Yield why a stack for `arms` cannot run on this machine; nothing is started."""
    settings = arms[0].settings
    transports = dict.fromkeys(arm.settings.transport for arm in arms)
    checks: list[Callable[[], object]] = [
        partial(_require_nginx_build, settings.nginx, arms),
        *app_server_checks(settings),
        partial(require_protocol, settings),
        partial(placement_of, settings.placement, machine.topology, settings.workers),
        partial(_scratch_parent, machine),
        *(partial(hop_of, transport, machine.parents, free_ports()) for transport in transports),
    ]
    for check in checks:
        try:
            check()
        except MachineError as error:
            yield str(error)


def protocol_problems(settings: Settings) -> Iterator[str]:
    """Yield why the nginx or the gunicorn of this machine does not speak the protocol of an arm."""
    with suppress(MachineError):  # a program that is missing is another problem
        yield from h2c_problems(find_nginx(settings.nginx), settings)
    try:
        require_protocol(settings)
    except MachineError as error:
        yield str(error)


def _scratch_parent(machine: Machine) -> Path:
    """Return the parent of scratch files: memory, so that no disk disturbs the measurement, or else a disk."""
    parent = machine.parents["tmpfs"] or machine.parents["directory"]
    if parent is None:
        raise MachineError("There is no directory to put scratch files in. Set TMPDIR to one that you may write to.")
    return parent


def _sites(arms: Sequence[Arm], addresses: Addresses, network_path: NetworkPath) -> list[Site]:
    host, targets = network_path.on("front").listen_host, addresses.targets
    return [
        Site(arm, f"hop_{number:02}", addresses.expected_server(arm) or "", f"{host}:{targets[arm.name].port}")
        for number, arm in enumerate(arms)
        if arm.settings.chain in NGINX_CHAINS
    ]


def _require_nginx_build(nginx: str, arms: Sequence[Arm]) -> None:
    """Raise MachineError where there is no program `nginx`, or where its build lacks what an arm needs."""
    build = find_nginx(nginx)
    problems = (problem for arm in arms for problem in build_problems(build, arm.settings))
    raise_if_any(dict.fromkeys(problems), MachineError)
