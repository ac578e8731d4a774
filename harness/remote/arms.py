"""Visits arms on a serving machine: its servers are started, proved and read there, and the requests come from here."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from harness.errors import LoadError
from harness.experiment.constraints import OWN_CLIENT
from harness.files import file_names
from harness.load.probe import probe_target
from harness.load.visits import Visitor
from harness.model import DEFAULT_HOST, Arm, CounterSnapshot, Experiment, Reply, Target, request_for
from harness.model.settings import RoleCpuNumbers
from harness.observe.counters import CounterReader, open_counters
from harness.remote.link import Link
from harness.remote.messages import ServedArm, ServedSession
from harness.testbed.blueprint import Machine
from harness.testbed.machine.placement import CpuSet, placement_of
from harness.testbed.network.namespace import HOST_NETWORK
from harness.testbed.servers.nginx import CHECK_HEADER, CHECK_PATH

# Of the client's machine only these belong to the requests. Opened connections are the client's; the rest of its TCP
# includes the channel to the serving machine, as the serving machine's own counts do, by a few segments a visit.
CLIENT_PREFIX, CLIENT_OPENS = "client.", "net.active_opens"


@contextmanager
def join_session(link: Link, session: int) -> Iterator[ServedSession]:
    """Let the serving machine start a session, and end it after the body unless that fails: then the link closes."""
    yield link.start(session)
    link.end()


def reach_arms(experiment: Experiment, served: ServedSession, directory: Path) -> dict[str, tuple[Target, Reply]]:
    """Return the target of each arm and its reply, by name. Certificates go to `directory`.

    Raises LoadError if an arm cannot be reached from here, or if another server answers.
    """
    directories = file_names([arm.name for arm in experiment.arms])
    targets = {}
    for arm in experiment.arms:
        place = served.arms[arm.name]
        target = _target(arm, place, directory / f"{directories[arm.name]}.pem")
        targets[arm.name] = target, _prove_from_here(arm, target, place)
    return targets


def link_visitors(link: Link, visitors: Sequence[Visitor], readers: Mapping[str, CounterReader]) -> list[Visitor]:
    """Return the visitors with the CPU time and the counters of both machines.

    The serving machine is asked first before a visit, and last after it: what that costs the client is not counted.
    """

    def link_visitor(visitor: Visitor, reader: CounterReader) -> Visitor:
        def read_before() -> Mapping[str, int]:
            return {**link.read(visitor.arm, "cpu"), **visitor.cpu()}

        def read_after() -> Mapping[str, int]:
            client = visitor.cpu()
            return {**link.read(visitor.arm, "cpu"), **client}

        counters = (reader.read_before, reader.read_after)
        return replace(visitor, counters=counters, cpu=read_before, cpu_after=read_after)

    return [link_visitor(visitor, readers[visitor.arm]) for visitor in visitors]


@dataclass(frozen=True, slots=True)
class RemoteCounterReader(CounterReader):
    """The counters of the client, with those of the servers of `arm` from the other end of `link`.

    A snapshot begins with what came from there: nothing before a visit, and the growth of all counters after it.
    """

    link: Link
    arm: str

    def read_before(self) -> CounterSnapshot:
        """Let the servers' counters be read, then read the client's."""
        self.link.read(self.arm, "before")
        return (b"", *CounterReader.read_before(self))

    def read_after(self) -> CounterSnapshot:
        """Read the client's counters, then the growth of the servers'."""
        client = CounterReader.read_after(self)
        return (json.dumps(self.link.read(self.arm, "after")).encode(), *client)

    def growth(self, before: CounterSnapshot, after: CounterSnapshot) -> dict[str, int]:
        """Return the growth of the servers' and the client's counters."""
        growth: dict[str, int] = json.loads(after[0])
        client = CounterReader.growth(self, before[1:], after[1:])
        growth |= {name: count for name, count in client.items() if name.startswith(CLIENT_PREFIX)}
        if CLIENT_OPENS in growth:
            growth[CLIENT_OPENS] += client.get(CLIENT_OPENS, 0)
        return growth


def open_client_counters(link: Link, experiment: Experiment, exit_stack: ExitStack) -> dict[str, CounterReader]:
    """Open the counter reader of each arm, by name."""
    readers: dict[str, CounterReader] = {}
    for arm in experiment.arms:
        pids = {"client": (os.getpid(),)} if arm.settings.tool == OWN_CLIENT else {}
        reader = exit_stack.enter_context(open_counters(pids, networks=(HOST_NETWORK,)))
        files = {field.name: getattr(reader, field.name) for field in fields(CounterReader)}
        readers[arm.name] = RemoteCounterReader(**files, link=link, arm=arm.name)
    return readers


def _target(arm: Arm, place: ServedArm, authority: Path) -> Target:
    settings = arm.settings
    if place.authority:
        authority.parent.mkdir(parents=True, exist_ok=True)
        authority.write_text(place.authority, encoding="ascii")
    return Target(
        place.host,
        place.port,
        settings.path,
        authority if place.authority else None,
        settings.client_keepalive,
        timeout_s=settings.timeout_s,
        request=request_for(settings, DEFAULT_HOST),
    )


def client_cpus(arm: Arm, machine: Machine) -> CpuSet:
    """Return the CPUs of the client, which has this machine to itself."""
    placement = arm.settings.placement
    if isinstance(placement, RoleCpuNumbers):
        return placement.client
    return placement_of(placement if placement == "none" else "auto", machine.topology, 1).cpus["client"]


def _prove_from_here(arm: Arm, target: Target, place: ServedArm) -> Reply:
    """Return the reply of an arm, after nginx has named the upstream that the serving machine has proved."""
    reply = probe_target(target, CHECK_PATH)
    if isinstance(reply, str):
        raise LoadError(
            f"Arm {arm.name!r}: {target.url} answers on the serving machine and not here: {reply}. Let this machine "
            "connect to all TCP ports of that address; a firewall may be between them."
        )
    named, proved = reply.headers.get(CHECK_HEADER.lower()), place.proof.get("upstream")
    if named != proved:
        raise LoadError(
            f"Arm {arm.name!r}: at {target.url} nginx names {named or 'no upstream'} and not {proved}. Another server "
            "has this address: correct the network between the two machines."
        )
    return reply
