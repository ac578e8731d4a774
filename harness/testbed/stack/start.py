"""Starts the stacks of a session as a context: inside it every arm has answered, through the intended server."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.errors import MachineError
from harness.testbed.blueprint import Blueprint, Server, null_server_name
from harness.testbed.dry_run import start_script
from harness.testbed.kernel.host_values import HostValueSwitch
from harness.testbed.network.namespace import NetworkNamespace
from harness.testbed.network.sockmap import open_sockmap
from harness.testbed.processes.process import SupervisedCommand, SupervisedProcess, start_command
from harness.testbed.sandbox.spec import Enclosure
from harness.testbed.servers.gunicorn import server_environment
from harness.testbed.servers.nginx import write_certificate
from harness.testbed.stack.network import StackNetwork, create_stack_network
from harness.testbed.stack.readiness import Probe, await_stack
from harness.testbed.stack.stack import Stack
from harness.testbed.standalone.listen import BACKLOG, bind_socket, create_socket

PlacedAddress = tuple[str, NetworkNamespace]  # of a listening socket, and its network


@contextmanager
def start_stacks(
    blueprints: Sequence[Blueprint],
    ask: Probe,
    switch: HostValueSwitch | None = None,
    ending: ExitStack | None = None,
) -> Iterator[list[Stack]]:
    """Start all stacks of a session side by side and yield them. Raises StackError for a wrong or missing answer.

    With a `switch` that has values to set, start them one after the other, each under its own values of the whole
    machine: a process or a socket takes some of these when it is created.

    `ending` has the servers of the session before, which are gone when the new ones are ready. It gets those of this
    session, so that they can end while the next ones start.
    """
    groups = _groups_by_app(blueprints)
    is_switching = switch is not None and not switch.is_idle
    with ExitStack() as exit_stack:
        if switch is None or not is_switching:
            started = [stack for group in groups for stack in exit_stack.enter_context(_start_group(group))]
            stacks = [await_stack(stack, ask) for stack in started]
        else:
            stacks = []
            for group in groups:
                host_values = switch.switch_to(group[0].kernel)
                started = exit_stack.enter_context(_start_group(group))
                stacks += [replace(await_stack(stack, ask), host_values=host_values) for stack in started]
        if ending is not None:
            ending.close()
        try:
            yield sorted(stacks, key=lambda stack: blueprints.index(stack.blueprint))
        finally:
            for server in (server for stack in stacks for server in stack.servers):
                server.ask_to_end()  # all side by side; the context of each waits for it
        if ending is not None and not is_switching:
            ending.push(exit_stack.pop_all())


def _groups_by_app(blueprints: Sequence[Blueprint]) -> list[list[Blueprint]]:
    """Return the blueprints in groups that share an application server."""
    groups: dict[tuple[str, ...], list[Blueprint]] = {}
    for blueprint in blueprints:
        groups.setdefault(blueprint.app_arms, []).append(blueprint)
    return list(groups.values())


@contextmanager
def _start_group(group: Sequence[Blueprint]) -> Iterator[list[Stack]]:
    """Start the servers of stacks that share an application server, which are not ready yet."""
    _write_files(group)
    with ExitStack() as exit_stack:
        networks = [
            exit_stack.enter_context(
                create_stack_network(blueprint.kernel, blueprint.network_path, blueprint.far_ports)
            )
            for blueprint in group
        ]
        app = _start_app(group, networks, exit_stack)
        yield [
            exit_stack.enter_context(_start_stack(blueprint, network, app, group[0].app.enclosure))
            for blueprint, network in zip(group, networks, strict=True)
        ]


def _start_app(
    group: Sequence[Blueprint], networks: Sequence[StackNetwork], exit_stack: ExitStack
) -> SupervisedProcess:
    """Start the application server of a group on `exit_stack`. It ends last: it has the directories of all stacks.

    That of a single stack usually binds its sockets itself. A gunicorn of several stacks inherits them: a socket
    belongs to the network in which it was made, so one process can listen in several networks.
    """
    first = group[0]
    server = first.shared_app(group) if len(group) > 1 else first.app
    owners = [network.of("app") for stack, network in zip(group, networks, strict=True) for _ in stack.hops]
    addresses = list(zip(server.inherits, owners, strict=True)) if server.inherits else []
    directories = [directory for blueprint in group for directory in blueprint.private_directories]
    with _sockets_of(addresses) as sockets, networks[0].at(server.place).enter():
        command = _command_of(first, server, sockets, directories)
        return exit_stack.enter_context(start_command(command, partial(_bind_sockets, sockets, addresses)))


@contextmanager
def _start_stack(
    blueprint: Blueprint, network: StackNetwork, app: SupervisedProcess, app_enclosure: Enclosure
) -> Iterator[Stack]:
    """Start the servers of a stack beside the application's, which are not ready yet."""
    with ExitStack() as exit_stack:
        processes: dict[str, SupervisedProcess] = {}
        for server in blueprint.servers[1:]:
            with _nginx_sockets(server, network) as sockets, network.at(server.place).enter():
                command = _command_of(blueprint, server, sockets)
                processes[server.name] = exit_stack.enter_context(start_command(command))
        null_servers = {
            arm: processes[null_server_name(number)] for number, arm in enumerate(blueprint.addresses.null_servers)
        }
        ports, relay = blueprint.sockmap_ports, processes.get("relay")
        sockmap = exit_stack.enter_context(open_sockmap(ports, blueprint.socket_groups)) if ports else None
        yield Stack(blueprint, processes["nginx"], app, app_enclosure, null_servers, relay, network, sockmap)


@contextmanager
def _nginx_sockets(server: Server, network: StackNetwork) -> Iterator[Sequence[socket.socket]]:
    """Yield the sockets that nginx takes over; no other server beside the application's inherits any."""
    addresses = [(address, network.of("listen")) for address in server.inherits]
    with _sockets_of(addresses) as sockets:
        _bind_sockets(sockets, addresses)
        for listener in sockets:
            listener.listen(BACKLOG)
        yield sockets


@contextmanager
def _sockets_of(addresses: Sequence[PlacedAddress]) -> Iterator[list[socket.socket]]:
    """Yield a socket for each address, made in its network and not bound yet. Raises MachineError."""
    with ExitStack() as exit_stack:
        sockets = []
        for address, network in addresses:
            try:
                with network.enter():
                    sockets.append(exit_stack.enter_context(create_socket(address)))
            except OSError as error:
                text = f"A socket for {address} cannot be made: {error.strerror}. Check the kernel settings of its arm."
                raise MachineError(text) from None
        yield sockets


def _bind_sockets(sockets: Sequence[socket.socket], addresses: Sequence[PlacedAddress]) -> None:
    for listener, (address, _) in zip(sockets, addresses, strict=True):
        bind_socket(listener, address)


def _command_of(
    blueprint: Blueprint, server: Server, sockets: Sequence[socket.socket], directories: Sequence[Path] = ()
) -> SupervisedCommand:
    is_app = server.name == "app"
    environment = (server_environment() if is_app else os.environ) | server.variables
    return SupervisedCommand(
        name=server.title,
        argv=server.argv,
        log=server.log,
        cpus=server.cpus,
        cwd=server.cwd or (blueprint.directory if is_app else None),
        env=environment | blueprint.layout.variables(server.argv, server.variables),
        directories=(*directories, *server.enclosure.groups),
        attributes=blueprint.kernel.server_attributes,
        descriptors=tuple(listener.fileno() for listener in sockets),
        sandbox_steps=(*blueprint.layout.steps, *server.enclosure.supervisor_words),
    )


def _write_files(group: Sequence[Blueprint]) -> None:
    """Write the files of stacks that share a gunicorn, and so a certificate. Raises MachineError."""
    try:
        for blueprint in group:
            _write_stack_files(blueprint)
        write_certificate([blueprint.certificate for blueprint in group if blueprint.certificate], group[0].listen_host)
    except OSError as error:
        raise MachineError(
            f"{group[0].directory} cannot be written: {error.strerror}. Free some space, or choose another place for "
            "the results."
        ) from None


def _write_stack_files(blueprint: Blueprint) -> None:
    directory = blueprint.directory
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "nginx.conf").write_text(blueprint.nginx_conf)
    (directory / "start.sh").write_text(start_script(blueprint))
    with suppress(PermissionError):  # a file system without modes; sh start.sh works too
        (directory / "start.sh").chmod(0o755)
    for path, content in {file for enclosure in blueprint.enclosures.values() for file in enclosure.files}:
        path.write_bytes(content)
