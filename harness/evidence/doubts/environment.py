"""Doubts about environment variables that make the application's interpreter slower, or another one."""

from collections.abc import Iterator

from harness.evidence.doubts.scene import Scene
from harness.evidence.environment import disturbing
from harness.lab.kernelfiles import read
from harness.model import Doubt

Environment = dict[str, str]


def read_environment(scene: Scene) -> Environment:
    """What the applications' workers were started with: man 5 proc, environ. Of several stacks, all together."""
    pids = [pid for crew in scene.crews for pid in crew.pids.get("app", ())[:1]]
    texts = (read(scene.roots.proc / str(pid) / "environ") or "" for pid in pids)
    pairs = (pair.partition("=") for text in texts for pair in text.split("\0"))
    return {name: value for name, separator, value in pairs if separator}


def environment_doubts(_before: Environment, after: Environment) -> Iterator[Doubt]:
    for name, effect in disturbing(after):
        yield Doubt(
            kind="environment",
            seen=f"{name} is set for the servers: {effect}.",
            advice=f"All arms were measured so. Unset it (`unset {name}`) to measure the application as it is.",
        )
