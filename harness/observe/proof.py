"""Proves that an arm is as configured: the process that answered, its answer, CPUs, kernel values and rungs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from harness.errors import StackError, raise_if_any
from harness.experiment.transports import is_tcp
from harness.load.probe import probe_target
from harness.model import Arm, Reply
from harness.model.plugins import ConntrackFilter, NamespacePlace, VethPair
from harness.model.record import ArmProof, HopProof, LayoutProof
from harness.observe.counters import parse_net_table, received_packets
from harness.observe.hop_speech import PLAIN, prove_connection, prove_speech
from harness.observe.host.facts import cpu_limit
from harness.observe.processes import (
    Confinement,
    read_addresses,
    read_confinement,
    stray_threads,
)
from harness.testbed.hop_addresses import NGINX_CHAINS, Hop
from harness.testbed.kernel.actions import action_of
from harness.testbed.machine.directories import filesystem_facts
from harness.testbed.machine.listeners import listening_inodes, socket_inodes
from harness.testbed.machine.procfs import read_int
from harness.testbed.network.build import NetworkPath
from harness.testbed.network.namespace import THREAD_NETWORK, NetworkNamespace
from harness.testbed.processes.process import read_attribute
from harness.testbed.sandbox.spec import Enclosure
from harness.testbed.stack.network import network_knob_values
from harness.testbed.stack.stack import Stack

NET = Path("/proc/thread-self/net")
TRACKED_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
FEWEST_MESSAGES = 2  # of a request: itself and its answer
PROC_NAMES = {"mount": "mnt"}  # as /proc/PID/ns has them, where that differs


def prove(stacks: Sequence[Stack]) -> dict[str, ArmProof]:
    """Return the proof of each arm by name. Raise StackError, or MachineError for a wrong file system."""
    proofs = {arm: proof for stack in stacks for arm, proof in _prove_stack(stack).items()}
    raise_if_any(_answer_problems(stacks), StackError)
    return proofs


def _prove_stack(stack: Stack) -> dict[str, ArmProof]:
    blueprint = stack.blueprint
    raise_if_any(stray_threads(stack.pids, blueprint.placement), StackError)
    kernel = {**_kernel_proof(stack), **_sandbox_proof(stack)}
    with stack.network.of("app").enter():
        own = socket_inodes((stack.app.main_pid(), *stack.pids["app"]))
        hops = {name: _prove_hop(hop, own, blueprint.app_server.title) for name, hop in blueprint.hops.items()}
    with stack.network.of("nginx").enter():
        speech = {arm.name: _prove_speech(arm, stack) for arm in blueprint.arms}
    redirection = {arm.name: _prove_redirection(arm.name, stack) for arm in blueprint.arms}
    speech = {
        arm.name: cast("HopProof", {**speech[arm.name], **prove_connection(stack, arm)}) for arm in blueprint.arms
    }
    with stack.network.of("listen").enter():
        front = socket_inodes((stack.nginx.main_pid(), *stack.pids["nginx"]))
        proofs = {arm.name: {**_prove_arm(arm, stack, hops, front), **kernel} for arm in blueprint.arms}
    for name in proofs:
        if extra := {**speech[name], **redirection[name]}:
            proofs[name]["hop"] = {**proofs[name]["hop"], **extra}
    return {
        arm.name: cast("ArmProof", {**proofs[arm.name], "layout": _layout_proof(stack, arm), **_rung_proof(stack, arm)})
        for arm in blueprint.arms
    }


def _prove_arm(arm: Arm, stack: Stack, hops: Mapping[str, HopProof], front: set[str]) -> ArmProof:
    """Return the proof of an arm; runs in the network in which nginx listens."""
    blueprint, name = stack.blueprint, arm.name
    proof = answer_proof(stack.replies[name])
    proof["url"] = blueprint.targets[name].url
    proof["pids"], proof["cpus"] = stack.pids_of(name), dict(blueprint.placement.cpus)
    if arm.settings.chain in NGINX_CHAINS:
        proof["upstream"] = blueprint.expected_server(name)
        door = f"{blueprint.listen_host}:{blueprint.targets[name].port}"
        proof["nginx_listens"] = _prove_listener(door, front, "nginx")
    if name in stack.null_servers:
        own = socket_inodes([stack.null_servers[name].main_pid()])
        proof["hop"] = _prove_hop(blueprint.addresses.null_servers[name], own, "null server")
    elif arm.settings.chain != "proxy-only":
        proof["hop"] = hops[arm.settings.transport]
    return proof


def _prove_speech(arm: Arm, stack: Stack) -> HopProof:
    """Return what the application's server speaks to nginx, where the arm's own answer does not show it."""
    blueprint, settings = stack.blueprint, arm.settings
    if settings.app_speaks == PLAIN:
        return {}
    authority = blueprint.certificate.authority if blueprint.certificate else None
    return prove_speech(blueprint.hops[settings.transport], settings, blueprint.targets[arm.name], authority)


def _prove_redirection(arm: str, stack: Stack) -> HopProof:
    """Send one more request of `arm`; return its messages from socket to socket. Raise StackError for any other."""
    if stack.sockmap is None:
        return {}
    before, target = stack.sockmap.counts(), stack.blueprint.targets[arm]
    with stack.enter_network():
        reply = probe_target(target, target.path)
    if not isinstance(reply, Reply):
        raise StackError(f"Arm {arm!r} does not answer any more: {reply}.")
    grown = {name: value - before[name] for name, value in stack.sockmap.counts().items()}
    if grown["redirected"] < FEWEST_MESSAGES or grown["missed"] or grown["refused"]:
        raise StackError(
            f"Arm {arm!r}: of a request's messages, {grown['redirected']} went from socket to socket and "
            f"{grown['missed']} over TCP, and {grown['refused']} sockets did not enter the map. Leave this out."
        )
    return cast("HopProof", {"redirected_messages": grown["redirected"]})


def answer_proof(reply: Reply) -> ArmProof:
    """Return the facts that a record holds of the answer that proved an arm ready."""
    shape = reply.shape
    return {"status": shape.status, "body_bytes": shape.body_bytes, "kind": shape.kind, "keys": shape.keys}


def _prove_hop(hop: Hop, own: set[str], server: str) -> HopProof:
    filesystem = filesystem_facts(hop.directory, hop.transport.address_kind) if hop.directory else {}
    listener = _prove_listener(hop.address, own, server)
    return cast("HopProof", {"address": hop.address, "listener": listener, **filesystem})


def _prove_listener(address: str, own: set[str], server: str) -> str:
    """Return the inodes of the sockets that listen on `address`, all of which must be among `own`."""
    inodes = listening_inodes(address)
    if not inodes or not inodes <= own:
        others = ", ".join(sorted(inodes - own)) or "none at all"
        raise StackError(
            f"This run's {server} is not the only listener on {address}: other sockets: {others}. Stop that server."
        )
    return ", ".join(sorted(inodes))


def _answer_problems(stacks: Sequence[Stack]) -> Iterable[str]:
    """Yield a sentence for each arm with an answer unlike that of an arm with the same application and path."""
    first: dict[tuple[str, ...], tuple[str, object]] = {}
    for stack in stacks:
        for arm in stack.blueprint.arms:
            settings = arm.settings
            answering = "app" if settings.chain in ("full", "app-direct") else settings.chain
            question = (answering, settings.app, settings.app_dir, settings.command, settings.path)
            shape = stack.replies[arm.name].shape
            kind = (shape.status, shape.kind, shape.keys)
            other, expected = first.setdefault(question, (arm.name, kind))
            if kind != expected:
                yield f"Arms {other!r} and {arm.name!r} send the same request but get different answers."


def _layout_proof(stack: Stack, arm: Arm) -> LayoutProof:
    """Return the memory layout of an arm's servers. Only root may read that of nginx's workers; it is the master's."""
    layout, masters = stack.blueprint.layout, {"nginx": stack.nginx, "app": stack.app}
    pids = stack.pids_of(arm.name)
    addresses = {role: read_addresses((*pids[role], masters[role].main_pid())) for role in pids}
    if not layout.is_matched:
        return {"setting": "random", "addresses": addresses}
    return {
        "setting": "matched",
        "addresses": addresses,
        "hash_seed": layout.hash_seed,
        "stack_shift_bytes": layout.stack_shift_bytes,
    }


def _kernel_proof(stack: Stack) -> ArmProof:
    """Return the network namespace, and the knobs with the values read back. Raise StackError for other values."""
    kernel = stack.blueprint.kernel
    raise_if_any(_setting_problems(stack), StackError)
    of_servers = {setting.name: str(setting.value) for setting in kernel.of_scopes("process", "boot")}
    knobs = {**of_servers, **stack.host_values}
    if not kernel.own_network:
        return {"knobs": knobs} if knobs else {}
    with stack.enter_network():
        values, namespace = network_knob_values(kernel), str(Path(THREAD_NETWORK).readlink())
    return {"knobs": values | knobs, "network": namespace, "not_copied": stack.network.not_copied}


def _setting_problems(stack: Stack) -> Iterator[str]:
    for change in stack.blueprint.kernel.server_attributes:
        for pid in (pid for role_pids in stack.pids.values() for pid in role_pids):
            value, wanted = read_attribute(pid, change), action_of(change).wanted
            if value != wanted:
                yield f"Process {pid} has {change.name} {value} instead of {wanted}, with which it was started."


@dataclass(frozen=True, slots=True)
class NamespaceCounts:
    """The name of a namespace, packets received by each link, TCP connections opened, and connections tracked."""

    name: str
    packets: Mapping[str, int]
    tcp_opens: int
    tracked_connections: int | None  # None: unknown


def _rung_proof(stack: Stack, arm: Arm) -> dict[str, Any]:
    """Send one more request of `arm` and return its path; empty without a rung. Raise StackError for another path."""
    way, places = stack.network.path, stack.network.places
    if not places:
        return {}
    before = {place: _read_counts(network) for place, network in places.items()}
    target = stack.blueprint.targets[arm.name]
    with stack.enter_network():
        reply = probe_target(target, target.path)
    if not isinstance(reply, Reply):
        raise StackError(f"Arm {arm.name!r} does not answer any more: {reply}.")
    after = {place: _read_counts(network) for place, network in places.items()}
    grown = {
        f"{place} {link}": count - before[place].packets.get(link, 0)
        for place in places
        for link, count in after[place].packets.items()
    }
    tracked = {place: counts.tracked_connections for place, counts in after.items()}
    if way.leg == "front" or is_tcp(arm.settings.transport):
        raise_if_any((f"Arm {arm.name!r}: {problem}" for problem in path_problems(way, grown, tracked)), StackError)
    elif opened := after["near"].tcp_opens - before["near"].tcp_opens:
        raise StackError(f"Arm {arm.name!r} opened {opened} TCP connections, though its hop is a Unix socket.")
    return {
        "rung": {
            "network": way.rung,
            "namespaces": {place: counts.name for place, counts in after.items()},
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


def _read_counts(network: NetworkNamespace) -> NamespaceCounts:
    with network.enter():
        opened = parse_net_table((NET / "snmp").read_text())["Tcp.ActiveOpens"]
        packets, name = received_packets((NET / "dev").read_text()), str(Path(THREAD_NETWORK).readlink())
        return NamespaceCounts(name, packets, opened, read_int(TRACKED_COUNT))


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


def _sandbox_proof(stack: Stack) -> dict[str, Any]:
    """Return the confinement of each role; empty without a sandbox. Raise StackError where it is not as configured."""
    null_servers = {server.command.log.stem: (server.main_pid(),) for server in stack.null_servers.values()}
    enclosures, own = stack.enclosures, read_confinement("self")
    by_role = {
        role: {pid: read_confinement(pid) for pid in pids}
        for role, pids in {**stack.pids, **null_servers}.items()
        if enclosures[role].supervisor_words
    }
    problems = [
        problem
        for role, processes in by_role.items()
        for pid, confinement in processes.items()
        for problem in _confinement_problems(pid, confinement, own, enclosures[role])
    ]
    quota_cpus = stack.blueprint.arms[0].settings.cpu_quota
    groups = [enclosures[role].limited for role in by_role]
    limits = {group: cpu_limit(group) for group in groups if group}
    problems += [
        f"The control group {group} allows {limit} CPUs instead of {quota_cpus}."
        for group, limit in limits.items()
        if limit != quota_cpus
    ]
    raise_if_any(problems, StackError)
    return (
        {"sandbox": {role: asdict(next(iter(by_pid.values()))) for role, by_pid in by_role.items()}} if by_role else {}
    )


def _confinement_problems(pid: int, confinement: Confinement, own: Confinement, wanted: Enclosure) -> Iterator[str]:
    for kind in wanted.namespaces:
        name = PROC_NAMES.get(kind, kind)
        if confinement.namespaces[name] == own.namespaces[name]:
            yield f"Process {pid} has no {kind} namespace of its own."
    groups = " ".join(confinement.cgroups)
    yield from (f"Process {pid} is not in the control group {g}." for g in wanted.groups if g.name not in groups)
    words, status, root = wanted.supervisor_words, confinement.status, confinement.root
    if "seccomp" in words and (status.get("Seccomp"), status.get("NoNewPrivs")) != ("2", "1"):
        yield f"Process {pid} has no system call filter: {status}."
    if "no-store-bypass" in words and "mitigated" not in status.get("Speculation_Store_Bypass", ""):
        yield f"Process {pid} has no mitigation of speculative store bypass: {status}."
    if any("pivot" in step for step in wanted.mount_steps) and root != "overlay":
        yield f"The root of process {pid} is on {root}, not on an overlay."
