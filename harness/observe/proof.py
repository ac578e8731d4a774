"""Proves what an arm is: which process answered, with which answer, on which CPUs, with which kernel values."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from harness.errors import StackError, raise_all
from harness.model import Arm, Reply
from harness.model.http import AnswerShape, format_keys
from harness.model.record import ArmProof, HopProof
from harness.observe.listeners import listening_inodes, socket_inodes
from harness.observe.rung_proof import rung_proof, sandbox_proof
from harness.testbed.addresses import NGINX_CHAINS, Hop
from harness.testbed.kernel.apply import wanted_value
from harness.testbed.machine.directories import filesystem_facts
from harness.testbed.machine.placement import Placement
from harness.testbed.machine.procfs import format_cpus, parse_cpus, read_text
from harness.testbed.network.namespace import THREAD_NETWORK
from harness.testbed.processes.process import read_attribute
from harness.testbed.stack import Stack
from harness.testbed.stack_network import network_knob_values

LENGTH_TOLERANCE = 0.1  # of answers other than JSON objects: dates and counters change some bytes


def prove(stacks: Sequence[Stack]) -> dict[str, ArmProof]:
    """Return the proof of each arm by name. Raise StackError, or MachineError for a wrong file system."""
    proofs = {arm: proof for stack in stacks for arm, proof in _prove_stack(stack).items()}
    raise_all(_answer_problems(stacks), StackError)
    return proofs


def _prove_stack(stack: Stack) -> dict[str, ArmProof]:
    blueprint = stack.blueprint
    raise_all(stray_threads(stack.pids, blueprint.placement), StackError)
    kernel = {**kernel_proof(stack), **sandbox_proof(stack)}
    with stack.network.of("app").enter():
        hops = {name: _prove_hop(hop, _app_inodes(stack)) for name, hop in blueprint.hops.items()}
    with stack.network.of("listen").enter():
        front = _process_inodes(stack.nginx.main_pid(), stack.pids["nginx"])
        proofs = {arm.name: {**_prove_arm(arm, stack, hops, front), **kernel} for arm in blueprint.arms}
    return {arm.name: cast("ArmProof", {**proofs[arm.name], **rung_proof(stack, arm)}) for arm in blueprint.arms}


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
        proof["hop"] = _prove_hop(blueprint.addresses.null_servers[name], own, "bare server")
    elif arm.settings.chain != "proxy-only":
        proof["hop"] = hops[arm.settings.transport]
    return proof


def _app_inodes(stack: Stack) -> set[str]:
    return _process_inodes(stack.app.main_pid(), stack.pids["app"])


def _prove_hop(hop: Hop, own: set[str], server: str = "gunicorn") -> HopProof:
    filesystem = filesystem_facts(hop.directory, hop.transport.address_kind) if hop.directory else {}
    return cast(
        "HopProof", {"address": hop.address, "listener": _prove_listener(hop.address, own, server), **filesystem}
    )


def _prove_listener(address: str, own: set[str], server: str) -> str:
    """Return the inodes of the sockets that listen on `address`, all of which must be among `own`."""
    inodes = listening_inodes(address)
    if not inodes or not inodes <= own:
        others = ", ".join(sorted(inodes - own)) or "none at all"
        raise StackError(
            f"This run's {server} is not the only listener on {address}: other sockets: {others}. Stop that server."
        )
    return ", ".join(sorted(inodes))


def _process_inodes(main: int, workers: Iterable[int]) -> set[str]:
    return socket_inodes((main, *workers))


def _answer_problems(stacks: Sequence[Stack]) -> Iterable[str]:
    """Yield a sentence for each arm with an answer unlike that of an arm with the same application and path."""
    first: dict[tuple[str, ...], tuple[str, object]] = {}
    for stack in stacks:
        for arm in stack.blueprint.arms:
            settings = arm.settings
            answering = "app" if settings.chain in ("full", "app-direct") else settings.chain
            question = (answering, settings.app, settings.app_dir, settings.path)
            shape = stack.replies[arm.name].shape
            kind = (shape.status, shape.kind, shape.keys)
            other, expected = first.setdefault(question, (arm.name, kind))
            if kind != expected:
                yield f"Arms {other!r} and {arm.name!r} send the same request but get different answers."


def stray_threads(
    pids_by_role: Mapping[str, Collection[int]], placement: Placement, proc: Path = Path("/proc")
) -> list[str]:
    """Return a sentence for each thread whose allowed CPUs are not all CPUs of its role; ended ones are skipped."""
    return [
        f"Thread {task} ({name}) of {role} may run on CPUs {format_cpus(allowed)}, but the placement "
        f"pins {role} to {format_cpus(placement.cpus[role])}."
        for role, pids in pids_by_role.items()
        for pid in pids
        for task, name, allowed in _threads(proc / str(pid))
        if not set(allowed) <= set(placement.cpus[role])
    ]


def _threads(process: Path) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """Yield the id, the name and the allowed CPUs of each thread."""
    for task in sorted(process.glob("task/[0-9]*")):
        lines = (read_text(task / "status") or "").splitlines()
        fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if allowed := parse_cpus(fields.get("Cpus_allowed_list", "")):
            yield int(task.name), fields["Name"], allowed


def kernel_proof(stack: Stack) -> ArmProof:
    """Return the network namespace, the knobs with the values read back, and host values that could not be copied.

    Empty for a stack without a network of its own and without knobs. Raise StackError for a process with other values.
    """
    kernel = stack.blueprint.kernel
    raise_all(_setting_problems(stack), StackError)
    of_servers = {setting.name: str(setting.value) for setting in kernel.of_scopes("process")}
    booted = {setting.name: str(setting.value) for setting in kernel.of_scopes("boot")}
    knobs = {**of_servers, **booted, **stack.host_values}
    if not kernel.own_network:
        return {"knobs": knobs} if knobs else {}
    with stack.enter_network():
        values, namespace = network_knob_values(kernel), str(Path(THREAD_NETWORK).readlink())
    return {"knobs": values | knobs, "network": namespace, "not_copied": stack.network.not_copied}


def _setting_problems(stack: Stack) -> list[str]:
    pids = [pid for role_pids in stack.pids.values() for pid in role_pids]
    return [
        f"Process {pid} has {change.name} {value} instead of {wanted_value(change)}, with which it was started."
        for change in stack.blueprint.kernel.server_attributes
        for pid in pids
        if (value := read_attribute(pid, change)) != wanted_value(change)
    ]


def answer_proof(reply: Reply) -> ArmProof:
    """Return the facts that a record holds of the answer that proved an arm ready."""
    shape = reply.shape
    return {"status": shape.status, "body_bytes": shape.body_bytes, "kind": shape.kind, "keys": shape.keys}


def answer_change_problems(first: Mapping[str, AnswerShape], now: Mapping[str, AnswerShape]) -> Iterator[str]:
    """Yield a sentence for each arm whose answer differs from its `first`."""
    for arm, shape in now.items():
        difference = first[arm].difference(shape) if arm in first else ""
        if difference:
            yield (
                f"Arm {arm!r} does not answer as it did when the run began: {difference}. All answers of a run must be "
                "alike: restore the application and continue with --resume, or start a new run."
            )


def answer_mismatches(pairs: Sequence[tuple[str, str]], replies: Mapping[str, Reply]) -> Iterator[str]:
    """Yield a sentence for each pair whose answers are not of the same kind."""
    for arm, reference in pairs:
        first, second = replies[arm].shape, replies[reference].shape
        if not _is_alike(first, second):
            yield (
                f"{arm!r} answers {_describe(first)} and {reference!r} {_describe(second)}: compared arms must answer "
                "alike. Correct the url, or the path of the other."
            )


def _is_alike(first: AnswerShape, second: AnswerShape) -> bool:
    same_kind = (first.kind, first.keys) == (second.kind, second.keys)
    lengths = sorted((first.body_bytes, second.body_bytes))
    return same_kind and (bool(first.keys) or lengths[1] - lengths[0] <= LENGTH_TOLERANCE * lengths[1])


def _describe(answer: AnswerShape) -> str:
    keys = f" with {format_keys(answer.keys)}" if answer.keys else ""
    return f"{answer.body_bytes} bytes of {answer.kind or 'no content type'}{keys}"
