"""Benchmark one transport, kind of exchange and payload size; the server lives as long as the worker process."""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from harness.errors import StackError
from harness.floor.exchanges import TimeLoops, connecting, standing
from harness.lab.blueprint import Machine
from harness.lab.placement import place
from harness.lab.ports import free_ports
from harness.lab.process import Running, Service, running
from harness.lab.routes import at, bare_argv, hop_of
from harness.load.ask import ask
from harness.load.client import request_of
from harness.model import Reply, Target

Kind = Literal["connect", "ping-pong"]
KINDS: tuple[Kind, ...] = ("connect", "ping-pong")
READY_S, POLL_S = 10.0, 0.01


@dataclass(frozen=True, slots=True)
class Bench:
    """A benchmark: `path` is requested, and its body has `payload_bytes`."""

    kind: Kind
    transport: str
    path: str
    payload_bytes: int

    @property
    def name(self) -> str:
        """Return the name in pyperf's file."""
        return f"{self.kind} {self.transport} {self.payload_bytes}"


def prepared(bench: Bench, machine: Machine, exit_stack: ExitStack, *, pin: bool) -> TimeLoops:
    """Start the server on the app's CPUs, with `pin` move this process to nginx's; return the function to time."""
    placement = place("auto", machine.topology, 1)
    hop = hop_of(bench.transport, machine.parents, free_ports())
    service = Service(
        name="bare server",
        argv=bare_argv(hop),
        log=Path(os.devnull),
        cpus=placement.cpus["app"],
        directories=(hop.directory,) if hop.directory else (),
    )
    server = exit_stack.enter_context(running(service))
    target = at(hop, bench.path, keepalive=bench.kind == "ping-pong")
    _wait(target, server)
    if pin:
        psutil.Process().cpu_affinity(list(placement.cpus["nginx"]))
    exchange = connecting if bench.kind == "connect" else standing
    return exchange(target, request_of(target))


def _wait(target: Target, server: Running) -> None:
    """Wait until the server answers. Raises StackError."""
    deadline = time.monotonic() + READY_S
    while not isinstance(reply := ask(target, target.path), Reply):
        server.check()
        if time.monotonic() > deadline:
            raise StackError(f"The bare server did not answer within {READY_S:g} s: {reply}.")
        time.sleep(POLL_S)
