"""The plan of a stack, complete before anything starts: placement, addresses, configuration files, command lines."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from harness.errors import MachineError, raise_all
from harness.experiment.stacks import server_files, stacks_of
from harness.model import SERVER_ROLES, Arm, Experiment, Settings, Target
from harness.testbed.addresses import (
    NGINX_CHAINS,
    Addresses,
    Hop,
    ParentDirectories,
    addresses_of,
    hop_of,
    null_server_argv,
    relay_argv,
)
from harness.testbed.kernel.settings import UNCHANGED_KERNEL, KernelConfiguration, kernel_configurations_of
from harness.testbed.machine.directories import disk_parent, free_ports, private_name, tmpfs_parent
from harness.testbed.machine.placement import Placement, placement_of
from harness.testbed.machine.resources import require_proc
from harness.testbed.machine.topology import Topology, read_topology
from harness.testbed.network.build import HOST_PATH, NetworkPath, network_path_of
from harness.testbed.sandbox.spec import Enclosure, enclosure_of, sandbox_of
from harness.testbed.servers.gunicorn import gunicorn_argv, require_app_directory
from harness.testbed.servers.nginx import (
    Certificate,
    Site,
    body_kb,
    body_of,
    build_problems,
    certificate_paths,
    head_kb,
    nginx_argv,
    nginx_conf,
    read_timeout_s,
    worker_user,
)
from harness.testbed.servers.programs import find_nginx, find_python, gunicorn_version


@dataclass(frozen=True, slots=True)
class Machine:
    """What every stack on this machine is built from."""

    topology: Topology
    parents: ParentDirectories
    allows_host_values: bool = False  # whether knobs may change values of the whole machine


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
    gunicorn_argv: tuple[str, ...]
    null_server_argvs: dict[str, tuple[str, ...]]  # of null servers in the application's place, by arm
    kernel: KernelConfiguration = UNCHANGED_KERNEL
    network_path: NetworkPath = HOST_PATH
    enclosures: dict[str, Enclosure] = field(default_factory=dict)  # by role, and by name of a null server

    @property
    def hops(self) -> dict[str, Hop]:
        """The hops to the application, by transport."""
        return self.addresses.hops

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
        addresses = (hop.address for hop in self.hops.values() if not hop.directory)
        return tuple(
            int(address.rpartition(":")[2])
            for address in (addresses if self.network_path.leg == "hop" else self.listen_addresses)
        )

    @property
    def relay_argv(self) -> tuple[str, ...]:
        """The command line of the relay on the network path; empty without one."""
        return relay_argv(self.network_path.relay, self.far_ports) if self.network_path.relay else ()

    @property
    def relay_role(self) -> str:
        """The role of the server behind the relay: the relay runs on its CPUs and is counted with it."""
        return "nginx" if self.network_path.leg == "front" else "app"

    def arm(self, name: str) -> Arm:
        """Return the arm called `name`."""
        return next(arm for arm in self.arms if arm.name == name)

    def expected_server(self, arm: str) -> str | None:
        """Return the upstream that nginx must name for `arm`; None where nginx takes no part."""
        return self.addresses.expected_server(self.arm(arm))


def survey_machine(results: Path) -> Machine:
    """Examine what stacks are built from. Raises MachineError where /proc is not mounted."""
    require_proc()
    disk = disk_parent(results)
    tmpfs = tmpfs_parent()
    return Machine(topology=read_topology(), parents={"tmpfs": tmpfs, "directory": disk})


def blueprints_of(experiment: Experiment, directory: Path, machine: Machine) -> list[Blueprint]:
    """Return the stacks of one session. Their files go to `directory`; several stacks have a folder each in it."""
    groups, ports = stacks_of(experiment), free_ports()
    directories = [directory / str(number) for number in range(1, len(groups) + 1)] if len(groups) != 1 else [directory]
    blueprints = (blueprint_of(arms, path, machine, ports) for arms, path in zip(groups, directories, strict=True))
    return [
        replace(blueprint, kernel=kernel)
        for blueprint, kernel in zip(blueprints, kernel_configurations_of(groups), strict=True)
    ]


def blueprint_of(arms: Sequence[Arm], directory: Path, machine: Machine, ports: Iterator[int]) -> Blueprint:
    """Return the plan of the stack that serves `arms`, which agree in all process settings. Raises MachineError."""
    settings = arms[0].settings
    nginx = find_nginx(settings.nginx)
    python = find_python(settings.python, settings.worker_class)
    scratch = _scratch_parent(machine) / private_name()
    certificate = certificate_paths(directory) if any(arm.settings.tls for arm in arms) else None
    network_path = network_path_of(settings)
    routes = addresses_of(arms, machine.parents, certificate, ports, network_path)
    listen_address = network_path.on("front").listen_host
    sites = [
        _site_of(number, arm, routes, listen_address)
        for number, arm in enumerate(arms)
        if arm.settings.chain in NGINX_CHAINS
    ]
    binds = [hop.transport.uri(hop.address) for hop in routes.hops.values()]
    return Blueprint(
        directory=directory,
        arms=tuple(arms),
        placement=placement_of(settings.placement, machine.topology, settings.workers),
        addresses=routes,
        private_directories=(scratch, *routes.directories),
        certificate=certificate,
        nginx_conf=nginx_conf(nginx, sites, scratch, worker_user(), server_files(arms)),
        nginx_argv=nginx_argv(nginx, directory / "nginx.conf", scratch),
        gunicorn_argv=gunicorn_argv(python, gunicorn_version(python), [arm.settings for arm in arms], binds, scratch),
        null_server_argvs={arm: null_server_argv(hop) for arm, hop in routes.null_servers.items()},
        network_path=network_path,
        enclosures=_enclosures_of(settings, routes, (scratch, *routes.directories, directory)),
    )


def null_server_name(number: int) -> str:
    """Return the name of the null server with this number in its stack."""
    return f"bare-{number:02}"


def stack_problems(arms: Sequence[Arm], machine: Machine) -> Iterator[str]:
    """Yield why a stack for `arms` cannot run on this machine; nothing is started."""
    settings = arms[0].settings
    transports = dict.fromkeys(arm.settings.transport for arm in arms)
    checks: list[Callable[[], object]] = [
        partial(_require_nginx_build, settings.nginx, arms),
        partial(find_python, settings.python, settings.worker_class),
        partial(require_app_directory, settings),
        partial(placement_of, settings.placement, machine.topology, settings.workers),
        partial(_scratch_parent, machine),
        *(partial(hop_of, transport, machine.parents, free_ports()) for transport in transports),
    ]
    for check in checks:
        try:
            check()
        except MachineError as error:
            yield str(error)


def _scratch_parent(machine: Machine) -> Path:
    parent = (
        machine.parents["tmpfs"] or machine.parents["directory"]
    )  # memory, so that no disk disturbs the measurement
    if parent is None:
        raise MachineError("There is no directory to put scratch files in. Set TMPDIR to one that you may write to.")
    return parent


def _enclosures_of(settings: Settings, routes: Addresses, shared: Sequence[Path]) -> dict[str, Enclosure]:
    servers = (*SERVER_ROLES, *map(null_server_name, range(len(routes.null_servers))))
    return {server: enclosure_of(sandbox_of(settings), server, shared[0], shared) for server in servers}


def _site_of(number: int, arm: Arm, routes: Addresses, listen_address: str) -> Site:
    return Site(
        arm=arm.name,
        upstream=f"hop_{number:02}",
        server=routes.expected_server(arm) or "",
        port=routes.targets[arm.name].port,
        path=arm.settings.path,
        keepalive=arm.settings.upstream_keepalive,
        tls=arm.settings.tls,
        body=body_of(arm.settings.path) if arm.settings.chain == "proxy-only" else None,
        listens=listen_address,
        head_kb=head_kb(arm.settings),
        body_kb=body_kb(arm.settings),
        answer_kb=arm.settings.proxy_buffer_kb,
        read_timeout_s=read_timeout_s(arm.settings),
    )


def _require_nginx_build(nginx: str, arms: Sequence[Arm]) -> None:
    """Raise MachineError where there is no program `nginx`, or where its build lacks what an arm needs."""
    build = find_nginx(nginx)
    problems = (problem for arm in arms for problem in build_problems(build, arm.settings))
    raise_all(dict.fromkeys(problems), MachineError)
