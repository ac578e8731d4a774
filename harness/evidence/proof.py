"""Proves that a stack is what it should be: this run's own processes, on their CPUs, on the right file systems."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.errors import StackError, raise_all
from harness.evidence.affinity import strays
from harness.evidence.answers import answer_proof
from harness.evidence.kernel_proof import kernel_proof
from harness.evidence.listeners import listening_inodes, socket_inodes
from harness.evidence.rung_proof import rung_proof
from harness.evidence.sandbox_proof import sandbox_proof
from harness.lab.directories import check_home
from harness.lab.routes import BEHIND_NGINX, Hop
from harness.lab.stack import Stack
from harness.model import Arm

Proof = dict[str, Any]


def prove(stacks: Sequence[Stack]) -> dict[str, Proof]:
    """Return the proof of each arm by name. Raise StackError, or MachineError for a wrong file system."""
    proofs = {arm: proof for stack in stacks for arm, proof in _prove_stack(stack).items()}
    raise_all(_answer_problems(stacks), StackError)
    return proofs


def _prove_stack(stack: Stack) -> dict[str, Proof]:
    blueprint = stack.blueprint
    raise_all(strays(stack.pids, blueprint.placement), StackError)
    kernel = kernel_proof(stack) | sandbox_proof(stack)
    with stack.network.app.entered():
        hops = {name: _prove_hop(hop, _app_inodes(stack)) for name, hop in blueprint.hops.items()}
    with stack.network.doors.entered():
        front = _process_inodes(stack.nginx.main_pid(), stack.pids["nginx"])
        proofs = {arm.name: _prove_arm(arm, stack, hops, front) | kernel for arm in blueprint.arms}
    return {arm.name: proofs[arm.name] | rung_proof(stack, arm) for arm in blueprint.arms}


def _prove_arm(arm: Arm, stack: Stack, hops: Mapping[str, Proof], front: set[str]) -> Proof:
    """Return the proof of an arm; runs in the network in which nginx listens."""
    blueprint, name = stack.blueprint, arm.name
    proof: Proof = {
        "url": blueprint.targets[name].url,
        **answer_proof(stack.replies[name]),
        "pids": stack.pids_of(name),
        "cpus": blueprint.placement.cpus,
    }
    if arm.settings.chain in BEHIND_NGINX:
        proof["upstream"] = blueprint.server(name)
        door = f"{blueprint.door}:{blueprint.targets[name].port}"
        proof["nginx_listens"] = _prove_listener(door, front, "nginx")
    if name in stack.bare:
        own = socket_inodes([stack.bare[name].main_pid()])
        return proof | {"hop": _prove_hop(blueprint.routes.bare[name], own, "bare server")}
    return proof if arm.settings.chain == "proxy-only" else proof | {"hop": hops[arm.settings.transport]}


def _app_inodes(stack: Stack) -> set[str]:
    return _process_inodes(stack.app.main_pid(), stack.pids["app"])


def _prove_hop(hop: Hop, own: set[str], server: str = "gunicorn") -> Proof:
    filesystem = check_home(hop.directory, hop.transport.home) if hop.directory else {}
    return {"address": hop.address, "listener": _prove_listener(hop.address, own, server), **filesystem}


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
