"""A benchmark of the floor: a transport, a kind of exchange and a size; its server lives as long as its worker."""

import os
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
from harness.lab.process import Service, running
from harness.lab.routes import at, bare_argv, hop_of
from harness.load.ask import ask
from harness.load.client import request_of
from harness.model import Reply, Target

Kind = Literal["connect", "ping-pong"]
KINDS: tuple[Kind, ...] = ("connect", "ping-pong")
TRIES = 200


@dataclass(frozen=True, slots=True)
class Bench:
    """`payload` is the path that is asked for, `payload_bytes` what its body has."""

    kind: Kind
    transport: str
    path: str
    payload_bytes: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.transport} {self.payload_bytes}"


def prepared(bench: Bench, machine: Machine, until_the_end: ExitStack, *, pin: bool) -> TimeLoops:
    """What pyperf times, with the server up on the app's CPUs, and with `pin` this process on nginx's."""
    placement = place("auto", machine.topology, 1)
    hop = hop_of(bench.transport, machine.parents, free_ports())
    service = Service(
        name="bare server",
        argv=bare_argv(hop),
        log=Path(os.devnull),
        cpus=placement.cpus["app"],
        directories=(hop.directory,) if hop.directory else (),
    )
    server = until_the_end.enter_context(running(service))
    target = at(hop, bench.path, keepalive=bench.kind == "ping-pong")
    _wait(target, server.check)
    if pin:
        psutil.Process().cpu_affinity(list(placement.cpus["nginx"]))
    exchange = connecting if bench.kind == "connect" else standing
    return exchange(target, request_of(target))


def _wait(target: Target, check: object) -> None:
    """Until the server answers."""
    assert callable(check)
    reply: Reply | str = ""
    for _ in range(TRIES):
        check()
        reply = ask(target, target.path)
        if isinstance(reply, Reply):
            return
    raise StackError(f"The bare server does not answer: {reply}.")
