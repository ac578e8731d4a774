"""Proves a rung: packets take its path, and its servers are in its sandbox."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import StackError, raise_all
from harness.experiment.transports import is_tcp
from harness.load.probe import probe_target
from harness.model import Arm, Reply
from harness.model.plugins import ConntrackFilter, NamespacePlace, VethPair
from harness.observe.counters import parse_net_table, received_packets
from harness.observe.host.facts import cpu_limit
from harness.observe.listeners import listening_inodes, socket_inodes
from harness.testbed.machine.procfs import read_int, read_text
from harness.testbed.network.build import NetworkPath
from harness.testbed.network.namespace import THREAD_NETWORK, NetworkNamespace
from harness.testbed.sandbox.spec import Enclosure
from harness.testbed.stack import Stack

NET = Path("/proc/thread-self/net")
TRACKED_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
PROC = Path("/proc")
PROC_NAMES = {"mount": "mnt"}  # as /proc/PID/ns has them, where that differs
STATUS_LINES = ("NoNewPrivs", "Seccomp", "Speculation_Store_Bypass")

Confinement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NamespaceCounts:
    """Counts of one namespace: packets received by each link, TCP connections opened, connections tracked."""

    packets: Mapping[str, int]
    tcp_opens: int
    tracked_connections: int | None  # None: unknown


def rung_proof(stack: Stack, arm: Arm) -> dict[str, Any]:
    """Send one more request of `arm` and return its path; empty without a rung. Raise StackError for another path."""
    way, places = stack.network.path, stack.network.places
    if not places:
        return {}
    before = {place: _read_counts(network) for place, network in places.items()}
    _send_request(stack, arm)
    after = {place: _read_counts(network) for place, network in places.items()}
    grown = {
        f"{place} {link}": count - before[place].packets.get(link, 0)
        for place in places
        for link, count in after[place].packets.items()
    }
    tracked = {place: counts.tracked_connections for place, counts in after.items()}
    if way.leg == "front" or is_tcp(arm.settings.transport):
        raise_all((f"Arm {arm.name!r}: {problem}" for problem in path_problems(way, grown, tracked)), StackError)
    elif opened := after["near"].tcp_opens - before["near"].tcp_opens:
        raise StackError(f"Arm {arm.name!r} opened {opened} TCP connections, though its hop is a Unix socket.")
    return {
        "rung": {
            "network": way.rung,
            "namespaces": {place: _namespace_name(network) for place, network in places.items()},
            "packets": {link: count for link, count in grown.items() if count},
            "tracked": {place: tracked[place] for place in _tracking_places(way)},
            "not_copied": stack.network.not_copied,
            **_prove_relay(stack),
        }
    }


def path_problems(
    way: NetworkPath, grown: Mapping[str, int], tracked: Mapping[NamespacePlace, int | None]
) -> Iterator[str]:
    """Yield each trace of a request that is missing: packets on a link, entries of a tracking filter."""
    for link in links_on_path(way):
        if not grown.get(link):
            yield f"{link} received no packet, so its connection does not take the path of network = {way.rung!r}."
    for place in _tracking_places(way):
        if tracked[place] == 0:
            yield f"the kernel tracks no connection in {place}, although network = {way.rung!r} requires it."


def links_on_path(way: NetworkPath) -> list[str]:
    """Return every link that receives the request or its answer."""
    pairs = [step for step in way.steps if isinstance(step, VethPair)]
    ends = [end for pair in pairs for end in (f"{pair.place} {pair.name}", f"{pair.peer_place} {pair.peer}")]
    return ends or ["near lo"]


def _tracking_places(way: NetworkPath) -> Iterable[NamespacePlace]:
    return dict.fromkeys(step.place for step in way.steps if isinstance(step, ConntrackFilter))


def _send_request(stack: Stack, arm: Arm) -> None:
    target = stack.blueprint.targets[arm.name]
    with stack.enter_network():
        reply = probe_target(target, target.path)
    if not isinstance(reply, Reply):
        raise StackError(f"Arm {arm.name!r} does not answer any more: {reply}.")


def _read_counts(network: NetworkNamespace) -> NamespaceCounts:
    with network.enter():
        opened = parse_net_table((NET / "snmp").read_text())["Tcp.ActiveOpens"]
        return NamespaceCounts(received_packets((NET / "dev").read_text()), opened, read_int(TRACKED_COUNT))


def _namespace_name(network: NetworkNamespace) -> str:
    with network.enter():
        return str(Path(THREAD_NETWORK).readlink())


def _prove_relay(stack: Stack) -> dict[str, Any]:
    """Return the relay's process id. Raise StackError where another process listens on its address."""
    relayed = stack.blueprint.network_path.relay
    if stack.relay is None or relayed is None:
        return {}
    pid, ports = stack.relay.main_pid(), stack.blueprint.far_ports
    with stack.network.places[relayed.place].enter():
        inodes = [listening_inodes(f"{relayed.address}:{port}") for port in ports]
    if not all(inodes) or not set().union(*inodes) <= socket_inodes([pid]):
        raise StackError(f"The relay, process {pid}, does not listen on {relayed.address} alone.")
    return {"relay": pid}


def sandbox_proof(stack: Stack) -> dict[str, Any]:
    """Return the confinement of each role; empty without a sandbox. Raise StackError where it is not as configured."""
    by_role = {
        role: [(pid, read_confinement(pid)) for pid in pids]
        for role, pids in {**stack.pids, **_null_server_pids(stack)}.items()
        if stack.blueprint.enclosures[role].supervisor_words
    }
    enclosures, own = stack.blueprint.enclosures, read_confinement("self")
    sandbox_problems = (
        problem
        for role, processes in by_role.items()
        for pid, confinement in processes
        for problem in _confinement_problems(pid, confinement, own, enclosures[role])
    )
    raise_all(sandbox_problems, StackError)
    quota_cpus = stack.blueprint.arms[0].settings.cpu_quota
    raise_all((text for role in by_role for text in _quota_problems(enclosures[role], quota_cpus)), StackError)
    return {"sandbox": {role: processes[0][1] for role, processes in by_role.items()}} if by_role else {}


def read_confinement(pid: int | str, proc: Path = PROC) -> Confinement:
    """Return the namespaces, control groups, status lines and root file system of a process."""
    process = proc / str(pid)
    status = dict(line.split(":\t", 1) for line in (read_text(process / "status") or "").splitlines() if ":\t" in line)
    root = re.search(r"^\S+ \S+ \S+ \S+ / .* - (\S+)", read_text(process / "mountinfo") or "", re.MULTILINE)
    return {
        "namespaces": {
            path.name: str(path.readlink()) for path in sorted((process / "ns").iterdir()) if "_" not in path.name
        },
        "cgroups": (read_text(process / "cgroup") or "").splitlines(),
        "status": {name: status[name] for name in STATUS_LINES if name in status},
        "root": root[1] if root else "unknown",
    }


def _null_server_pids(stack: Stack) -> Mapping[str, tuple[int, ...]]:
    return {server.service.log.stem: (server.main_pid(),) for server in stack.null_servers.values()}


def _quota_problems(enclosure: Enclosure, quota_cpus: float) -> Iterator[str]:
    if enclosure.limited and (limit := cpu_limit(enclosure.limited)) != quota_cpus:
        yield f"The control group {enclosure.limited} allows {limit} CPUs instead of {quota_cpus}."


def _confinement_problems(pid: int, confinement: Confinement, own: Confinement, wanted: Enclosure) -> Iterator[str]:
    for kind in wanted.namespaces:
        name = PROC_NAMES.get(kind, kind)
        if confinement["namespaces"][name] == own["namespaces"][name]:
            yield f"Process {pid} has no {kind} namespace of its own."
    groups = " ".join(confinement["cgroups"])
    yield from (f"Process {pid} is not in the control group {g}." for g in wanted.groups if g.name not in groups)
    words, status, root = wanted.final_words, confinement["status"], confinement["root"]
    if "seccomp" in words and (status.get("Seccomp"), status.get("NoNewPrivs")) != ("2", "1"):
        yield f"Process {pid} has no system call filter: {status}."
    if "no-store-bypass" in words and "mitigated" not in status.get("Speculation_Store_Bypass", ""):
        yield f"Process {pid} has no mitigation of speculative store bypass: {status}."
    if any("pivot" in step.words for step in wanted.mount_steps) and root != "overlay":
        yield f"The root of process {pid} is on {root}, not on an overlay."
