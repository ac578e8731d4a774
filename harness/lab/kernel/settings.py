"""The kernel settings of a stack: its knobs with their values, and whether it has a network of its own."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import MachineError
from harness.experiment.knobs import all_knobs
from harness.lab.kernel.sysctl import is_a_networks, sysctl_knob
from harness.lab.network.netns import own_network
from harness.model import Arm, KnobValue
from harness.model.knobs import OF_A_NETWORK, Change, Knob, OfServers, Scope


@dataclass(frozen=True, slots=True)
class Setting:
    """A knob with a value."""

    name: str
    value: KnobValue
    knob: Knob

    def __str__(self) -> str:
        """Return the setting as a line of an experiment file."""
        return f"knobs.{json.dumps(self.name)} = {json.dumps(self.value)}"

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of the kernel that the value stands for."""
        return self.knob.changes(self.value)


@dataclass(frozen=True, slots=True)
class Kernel:
    """The settings of a stack. In `own_network` everything else is as on the host."""

    settings: tuple[Setting, ...] = ()
    own_network: bool = False

    def of(self, *scopes: Scope) -> tuple[Setting, ...]:
        """Return the settings of these scopes."""
        return tuple(setting for setting in self.settings if setting.knob.scope in scopes)

    @property
    def of_servers(self) -> tuple[OfServers, ...]:
        """The attributes that server processes start with."""
        changes = (change for setting in self.of("process") for change in setting.changes)
        return tuple(change for change in changes if isinstance(change, OfServers))


UNCHANGED = Kernel()


def kernels_of(groups: Sequence[Sequence[Arm]]) -> list[Kernel]:
    """Return the kernel settings of each group of arms with the same knobs.

    Once an arm needs a network of its own, all get one: a new network has less in the packets' path than the host's, so
    an arm in it would differ from an arm on the host in more than its knobs.
    """
    knobs = knobs_of({name for arms in groups for name in arms[0].settings.knobs})
    own_networks = any(knob.scope in OF_A_NETWORK for knob in knobs.values())
    return [
        Kernel(tuple(Setting(name, value, knobs[name]) for name, value in arms[0].settings.knobs.items()), own_networks)
        for arms in groups
    ]


def knobs_of(names: Iterable[str]) -> dict[str, Knob]:
    """Return each knob by its name, from a plug-in or else as a sysctl."""
    ours, ordered = all_knobs(), sorted(names)
    sysctls = [name for name in ordered if name not in ours]
    return {name: ours[name] for name in ordered if name in ours} | {
        name: sysctl_knob(name, scope) for name, scope in _scopes(sysctls).items()
    }


def _scopes(sysctls: Sequence[str]) -> dict[str, Scope]:
    """Return the scope of each sysctl: a new network shows which it has for itself. Without one, the name decides."""
    if not any(name.startswith("net.") for name in sysctls):
        return dict.fromkeys(sysctls, "global")
    try:
        with own_network() as network, network.entered():
            return {name: "network" if is_a_networks(name) else "global" for name in sysctls}
    except MachineError:
        return {name: "network" if name.startswith("net.") else "global" for name in sysctls}
