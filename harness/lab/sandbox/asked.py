"""The sandbox of an arm: its rungs together, in any order, and its CPU quota."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness import plugins
from harness.model import Settings
from harness.model.rungs import Namespace, SandboxRung

RUNGS = "harness.lab.rungs.sandbox"
NAMESPACES: tuple[Namespace, ...] = ("user", "mount", "pid", "uts", "ipc", "cgroup")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The parts of a sandbox; `namespaces` are in the order of NAMESPACES."""

    cgroup: bool = False
    namespaces: tuple[Namespace, ...] = ()
    overlay: bool = False
    filtered: bool = False
    no_store_bypass: bool = False
    quota_cpus: float = 0.0


def sandbox_of(settings: Settings) -> Sandbox:
    """Return the sandbox of an arm."""
    return taken_together([plugins.load(RUNGS, name, SandboxRung) for name in settings.sandbox], settings.cpu_quota)


def taken_together(rungs: Sequence[SandboxRung], quota_cpus: float) -> Sandbox:
    """Merge rungs; a quota needs a control group."""
    kinds = {kind for rung in rungs for kind in rung.namespaces}
    return Sandbox(
        cgroup=any(rung.cgroup for rung in rungs) or quota_cpus > 0,
        namespaces=tuple(kind for kind in NAMESPACES if kind in kinds),
        overlay=any(rung.overlay for rung in rungs),
        filtered=any(rung.filtered for rung in rungs),
        no_store_bypass=any(rung.no_store_bypass for rung in rungs),
        quota_cpus=quota_cpus,
    )
