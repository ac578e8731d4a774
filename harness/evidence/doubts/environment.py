"""Doubts about environment variables that slow down the application's interpreter or change its code."""

from collections.abc import Iterator

from harness.evidence.doubts.scene import Scene
from harness.evidence.environment import disturbing
from harness.lab.kernelfiles import read
from harness.model import Doubt

Environment = dict[str, str]


def read_environment(context: Scene) -> Environment:
    """Return the environment of the applications' first workers, all stacks together. man 5 proc: environ."""
    pids = [pid for stack in context.crews for pid in stack.pids.get("app", ())[:1]]
    texts = (read(context.roots.proc / str(pid) / "environ") or "" for pid in pids)
    pairs = (pair.partition("=") for text in texts for pair in text.split("\0"))
    return {name: value for name, separator, value in pairs if separator}


def environment_doubts(_before: Environment, after: Environment) -> Iterator[Doubt]:
    """Yield a doubt for each variable that disturbs a measurement."""
    for name, effect in disturbing(after):
        yield Doubt(
            kind="environment",
            seen=f"{name} is set for the servers: {effect}.",
            advice=f"It affects all arms. Unset it (`unset {name}`) to measure the application without it.",
        )
