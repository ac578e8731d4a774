"""Reads back what a stack's knobs are in its network and of its processes, before anything is measured."""

from pathlib import Path
from typing import Any

from harness.errors import StackError, raise_all
from harness.lab.kernel.scheduling import seen_of
from harness.lab.kernel.turning import wanted
from harness.lab.network.netns import OF_THIS_THREAD
from harness.lab.stack import Stack


def kernel_proof(stack: Stack) -> dict[str, Any]:
    """The network namespace, the knobs with the values read back, and what of the host could not be copied.

    Nothing for a stack without a network of its own and without knobs. StackError where a process is not as it should.
    """
    kernel = stack.blueprint.kernel
    raise_all(_strangers(stack), StackError)
    of_servers = {setting.name: str(setting.value) for setting in kernel.of("process")}
    booted = {setting.name: str(setting.value) for setting in kernel.of("boot")}
    knobs = {**of_servers, **booted, **stack.global_values}
    if not kernel.own_network:
        return {"knobs": knobs} if knobs else {}
    with stack.inside():
        values, namespace = stack.network.values(), str(Path(OF_THIS_THREAD).readlink())
    return {"knobs": values | knobs, "network": namespace, "not_copied": stack.network.not_copied}


def _strangers(stack: Stack) -> list[str]:
    pids = [pid for some in stack.pids.values() for pid in some]
    return [
        f"Process {pid} has {change.name} {found} instead of {wanted(change)}, with which it was started."
        for change in stack.blueprint.kernel.of_servers
        for pid in pids
        if (found := seen_of(pid, change)) != wanted(change)
    ]
