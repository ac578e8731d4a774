"""The knobs of an arm as settings of the kernel; any sysctl is a knob by its name."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import plugins
from harness.errors import MachineError
from harness.model import Arm, KnobValue
from harness.model.plugins import (
    NETWORK_SCOPES,
    FileText,
    KernelChange,
    Knob,
    KnobScope,
    ServerAttribute,
    sysctl_traffic,
)
from harness.testbed.kernel.restore import sysctl_name
from harness.testbed.network.namespace import create_network


@dataclass(frozen=True, slots=True)
class KnobSetting:
    """A knob with a value."""

    name: str
    value: KnobValue
    knob: Knob

    def __str__(self) -> str:
        """Return the setting as a line of an experiment file."""
        return f"knobs.{json.dumps(self.name)} = {json.dumps(self.value)}"

    @property
    def changes(self) -> tuple[KernelChange, ...]:
        """The changes of the kernel that the value stands for."""
        return self.knob.changes(self.value)


@dataclass(frozen=True, slots=True)
class KernelConfiguration:
    """The settings of a stack. In `own_network` everything else is as on the host."""

    settings: tuple[KnobSetting, ...] = ()
    own_network: bool = False

    def of_scopes(self, *scopes: KnobScope) -> tuple[KnobSetting, ...]:
        """Return the settings of these scopes."""
        return tuple(setting for setting in self.settings if setting.knob.scope in scopes)

    def without_scopes(self, *scopes: KnobScope) -> tuple[KnobSetting, ...]:
        """Return the settings of all other scopes."""
        return tuple(setting for setting in self.settings if setting.knob.scope not in scopes)

    @property
    def server_attributes(self) -> tuple[ServerAttribute, ...]:
        """The attributes that server processes start with."""
        changes = (change for setting in self.of_scopes("process") for change in setting.changes)
        return tuple(change for change in changes if isinstance(change, ServerAttribute))


UNCHANGED_KERNEL = KernelConfiguration()


def kernel_configurations_of(groups: Sequence[Sequence[Arm]]) -> list[KernelConfiguration]:
    """Return the kernel settings of each group of arms with the same knobs.

    If one arm needs a network of its own, all arms get one: packets take a shorter path in a new network than in the
    host's, so an arm in a new network would differ from an arm in the host's network in more than its knobs.
    """
    knobs = load_knobs({name for arms in groups for name in arms[0].settings.knobs})
    own_networks = any(knob.scope in NETWORK_SCOPES for knob in knobs.values())
    return [
        KernelConfiguration(
            tuple(KnobSetting(name, value, knobs[name]) for name, value in arms[0].settings.knobs.items()), own_networks
        )
        for arms in groups
    ]


def load_knobs(names: Iterable[str]) -> dict[str, Knob]:
    """Return each knob by its name, from a plug-in or else as a sysctl."""
    ours, ordered = plugins.table(Knob), sorted(names)
    scopes = _sysctl_scopes([name for name in ordered if name not in ours])
    return {name: ours[name] for name in ordered if name in ours} | {
        name: sysctl_knob(name, scope) for name, scope in scopes.items()
    }


def _sysctl_scopes(sysctls: Sequence[str]) -> dict[str, KnobScope]:
    """Return the scope of each sysctl, as seen in a new network. If none can be made, the name decides."""
    if not any(name.startswith("net.") for name in sysctls):
        return dict.fromkeys(sysctls, "global")
    try:
        with create_network() as network, network.enter():
            return {name: "network" if _is_per_network(name) else "global" for name in sysctls}
    except MachineError:
        return {name: "network" if name.startswith("net.") else "global" for name in sysctls}


def _is_per_network(name: str) -> bool:
    """Return whether this thread's network, a new one, has its own writable value of the sysctl."""
    try:
        return name.startswith(("net.", "net/")) and bool(sysctl_file(name).stat().st_mode & 0o222)
    except OSError:
        return False


def sysctl_file(name: str) -> Path:
    """Return the file of a sysctl. A slash in the name becomes a dot in the path, as in sysctl(8)."""
    return Path("/proc/sys", name.translate(str.maketrans("./", "/.")))


def sysctl_of(name: str, value: str) -> str:
    """Return the sysctl that the knob `name` with this `value` sets; "" if it sets none."""
    knob = plugins.table(Knob).get(name)
    if knob is None:
        return name
    given: KnobValue = int(value) if value.isdecimal() else value
    changes = knob.changes(given) if knob.scope == "global" and knob.problem(given) is None else ()
    names = [sysctl_name(change.path) for change in changes if isinstance(change, FileText)]
    return names[0] if len(names) == 1 else ""


def sysctl_knob(name: str, scope: KnobScope) -> Knob:
    """Return the sysctl as a knob; its `scope` depends on the machine."""
    return Knob(
        help="Any sysctl by its name.",
        scope=scope,
        touches=sysctl_traffic(name),
        problem=lambda _: None,
        changes=lambda value: (FileText(str(sysctl_file(name)), str(value)),),
    )
