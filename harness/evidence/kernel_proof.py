"""Reads back the knobs of a stack, from its network and its processes, before anything is measured."""

from pathlib import Path
from typing import Any

from harness.errors import StackError, raise_all
from harness.lab.kernel.scheduling import seen_of
from harness.lab.kernel.turning import wanted
from harness.lab.network.netns import OF_THIS_THREAD
from harness.lab.stack import Stack


def kernel_proof(stack: Stack) -> dict[str, Any]:
    """Return the network namespace, the knobs with the values read back, and host values that could not be copied.

    Empty for a stack without a network of its own and without knobs. Raise StackError for a process with other values.
    """
    kernel = stack.blueprint.kernel
    raise_all(_setting_problems(stack), StackError)
    of_servers = {setting.name: str(setting.value) for setting in kernel.of("process")}
    booted = {setting.name: str(setting.value) for setting in kernel.of("boot")}
    knobs = {**of_servers, **booted, **stack.global_values}
    if not kernel.own_network:
        return {"knobs": knobs} if knobs else {}
    with stack.inside():
        values, namespace = stack.network.values(), str(Path(OF_THIS_THREAD).readlink())
    return {"knobs": values | knobs, "network": namespace, "not_copied": stack.network.not_copied}


def _setting_problems(stack: Stack) -> list[str]:
    pids = [pid for role_pids in stack.pids.values() for pid in role_pids]
    return [
        f"Process {pid} has {change.name} {value} instead of {wanted(change)}, with which it was started."
        for change in stack.blueprint.kernel.of_servers
        for pid in pids
        if (value := seen_of(pid, change)) != wanted(change)
    ]
