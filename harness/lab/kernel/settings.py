"""What a stack wants of the kernel: its knobs at their values, and whether in a network of its own."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness import plugins
from harness.errors import MachineError
from harness.lab.kernel.sysctl import is_a_networks, sysctl_knob
from harness.lab.network.netns import own_network
from harness.model import Arm, KnobValue
from harness.model.knobs import OF_A_NETWORK, Change, Knob, OfServers, Scope

KNOBS = "harness.lab.knobs"


@dataclass(frozen=True, slots=True)
class Setting:
    """A knob at a value."""

    name: str
    value: KnobValue
    knob: Knob

    def __str__(self) -> str:
        """As it stands in an experiment file."""
        return f"knobs.{json.dumps(self.name)} = {json.dumps(self.value)}"

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.knob.changes(self.value)


@dataclass(frozen=True, slots=True)
class Kernel:
    """In `own_network` everything but the settings is as it is on the host."""

    settings: tuple[Setting, ...] = ()
    own_network: bool = False

    def of(self, *scopes: Scope) -> tuple[Setting, ...]:
        return tuple(setting for setting in self.settings if setting.knob.scope in scopes)

    @property
    def of_servers(self) -> tuple[OfServers, ...]:
        """What their processes are started with."""
        changes = (change for setting in self.of("process") for change in setting.changes)
        return tuple(change for change in changes if isinstance(change, OfServers))


UNCHANGED = Kernel()


def kernels_of(groups: Sequence[Sequence[Arm]]) -> list[Kernel]:
    """One for each group of arms that have the same knobs.

    Once an arm needs a network of its own, all get one: a new network lacks what the host has in the packets' way, so
    that an arm in it differs from one on the host in more than its knobs.
    """
    knobs = knobs_of({name for arms in groups for name in arms[0].settings.knobs})
    own_networks = any(knob.scope in OF_A_NETWORK for knob in knobs.values())
    return [
        Kernel(tuple(Setting(name, value, knobs[name]) for name, value in arms[0].settings.knobs.items()), own_networks)
        for arms in groups
    ]


def knobs_of(names: Iterable[str]) -> dict[str, Knob]:
    """Each by its name: a plug-in's, or else a sysctl's."""
    ours = plugins.dotted_names(KNOBS)
    wanted = sorted(names)
    sysctls = [name for name in wanted if name not in ours]
    found = {name: plugins.load_dotted(KNOBS, name, Knob) for name in wanted if name in ours}
    return found | {name: sysctl_knob(name, scope) for name, scope in _scopes(sysctls).items()}


def _scopes(sysctls: Sequence[str]) -> dict[str, Scope]:
    """Of sysctls: a new network shows which it has for itself. Where there can be none, who asks for one hears why."""
    if not any(name.startswith("net.") for name in sysctls):
        return dict.fromkeys(sysctls, "global")
    try:
        with own_network() as network, network.entered():
            return {name: "network" if is_a_networks(name) else "global" for name in sysctls}
    except MachineError:
        return {name: "network" if name.startswith("net.") else "global" for name in sysctls}
