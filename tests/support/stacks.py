"""What the tests of stacks share: blueprints of real ones, an application that does as it is told, and impostors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from harness.experiment.transports import transports
from harness.load.probe import probe_target
from harness.model import AddressKind, Arm, Reply, Settings, Target
from harness.testbed.blueprint import Blueprint, Machine, blueprint_of, survey_machine
from harness.testbed.hop_addresses import transport_problem
from harness.testbed.machine.directories import can_listen, free_ports
from harness.testbed.stack.stack import Stack
from harness.testbed.stack.start import start_stacks

APPLICATIONS = Path(__file__).parent / "applications"
TEN_LINE_SERVER = Path(__file__).parent / "programs/ten_line_server.py"
# All that this machine has, one in a container may have no IPv6; and that can share servers.
TRANSPORTS = tuple(
    name
    for name, kind in transports().items()
    if not (kind.in_sockmap or kind.preload) and (kind.family == "unix" or can_listen(kind.host))
)
NOWHERE: Mapping[AddressKind, Path | None] = {"tmpfs": None, "directory": None}
needs_mptcp = pytest.mark.skipif(bool(transport_problem("mptcp", NOWHERE)), reason="needs MPTCP and scripts/setup test")


def machine_of(directory: Path) -> Machine:
    machine = survey_machine(directory)
    if None in machine.parents.values():
        pytest.skip("needs a directory on tmpfs and one on a disk")
    return machine


def arm(name: str = "tcp", **settings: Any) -> Arm:
    return Arm(name=name, settings=Settings(**settings))


def odd_arm(path: str, name: str = "tcp", **settings: Any) -> Arm:
    """An arm with the application that answers as its path says."""
    return arm(name, app="odd_app:app", app_dir=str(APPLICATIONS), path=path, **settings)


def blueprint_for(directory: Path, *arms: Arm, machine: Machine | None = None) -> Blueprint:
    return blueprint_of(arms or (arm(),), directory / "stack", machine or machine_of(directory), free_ports())


@contextmanager
def stack_of(blueprint: Blueprint) -> Iterator[Stack]:
    with start_stacks([blueprint], probe_target) as stacks:
        yield stacks[0]


def answer(target: Target) -> Reply:
    reply = probe_target(target, target.path)
    assert isinstance(reply, Reply), reply
    return reply


@contextmanager
def impostor(address: str, headers: Mapping[str, str] | None = None) -> Iterator[None]:
    """A server that was on "127.0.0.1:8000" first, and answers everything with 200 and `headers`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"hello from somebody else")

        def log_message(self, *_: object) -> None:
            pass

    host, _, port = address.partition(":")
    with HTTPServer((host, int(port)), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
