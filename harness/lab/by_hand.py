"""A stack in words and as a script, for those who want to see it or bring it up by hand."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness import plugins
from harness.lab import doors
from harness.lab.blueprint import Blueprint, bare_name
from harness.lab.gunicorn import UNWANTED
from harness.lab.kernel.commands import command
from harness.lab.kernel.settings import Kernel
from harness.lab.kernelfiles import format_cpus
from harness.lab.network.commands import building_commands, inside
from harness.lab.network.way import RUNGS
from harness.lab.sandbox.shell import branch, commands, ended, started
from harness.lab.sandbox.steps import BARE, Enclosure
from harness.model.knobs import OF_A_NETWORK
from harness.model.rungs import NetworkRung, Place

OWN_NETWORK = "in a network namespace of its own, with the host's values otherwise"
OURS = "nsenter --net=/proc/$$/ns/net"  # back from a namespace to that of the shell


def described(blueprint: Blueprint, arm: str) -> dict[str, str]:
    """What serves `arm`, in words and in full, by what it is."""
    cpus = "\n".join(f"{role}: {format_cpus(cpus)}" for role, cpus in blueprint.placement.cpus.items())
    chain = blueprint.arm(arm).settings.chain
    nginx = {"nginx": _words(begun(blueprint).nginx, blueprint.nginx_argv), "nginx.conf": blueprint.nginx_conf}
    gunicorn = {"gunicorn": _words(begun(blueprint).app, blueprint.gunicorn_argv)}
    servers = {"full": nginx | gunicorn, "proxy-only": nginx, "app-direct": gunicorn}
    if arm in blueprint.bare_argvs:
        servers["floor"] = {"bare server": shlex.join(blueprint.bare_argvs[arm])}
    return {
        "who asks whom": " -> ".join(filter(None, (blueprint.targets[arm].url, blueprint.server(arm)))),
        "CPUs": f"{cpus}\n{blueprint.placement.reason}",
        "kernel settings": _knobs(blueprint),
        **_rung(blueprint),
        **servers[chain],
        **_sandboxes(blueprint),
    }


def _sandboxes(blueprint: Blueprint) -> dict[str, str]:
    """How to start each server in its sandbox, where it has one."""
    return {
        f"{name} in its sandbox": "\n".join(commands(_enclosure(blueprint, name), argv))
        for name, _, argv in _services(blueprint)
        if _enclosure(blueprint, name) != BARE
    }


def start_script(blueprint: Blueprint) -> str:
    """A shell script that brings the same stack up by hand."""
    private = shlex.join(map(str, blueprint.private))
    names = " ".join(namespaces(blueprint).values())
    unnamed = [f"for name in {names}; do ip netns del $name 2>/dev/null || true; done"] if names else []
    lines = [
        "#!/bin/sh",
        "# Brings this stack up by hand, as barehop did. Ctrl-C ends it.",
        "set -e",
        *_inside(blueprint),
        *_network(blueprint.kernel),
        *_turning(blueprint.kernel),
        f"cd {shlex.quote(str(blueprint.directory))}",
        f"unset {' '.join(UNWANTED)}",
        f"mkdir -m 700 {private}",
        "pids=",
        "end() {",
        *(f"    {line}" for line in (*ended(blueprint.enclosures.values()), f"rm -r {private}", *unnamed)),
        "}",
        "trap end EXIT",
        "trap 'exit 130' INT TERM",
        *_building(blueprint),
        *(
            line
            for name, before, argv in _services(blueprint)
            for line in started(name, _enclosure(blueprint, name), before, argv)
        ),
        *(f"echo {shlex.quote(f'{arm}: {target.url}')}" for arm, target in blueprint.targets.items()),
        "wait ${pids%% *}",
    ]
    return "\n".join(lines) + "\n"


def namespaces(blueprint: Blueprint) -> Mapping[Place, str]:
    """What those of the rung are called where they are made by hand."""
    return {place: f"{blueprint.private[0].name}-{place}" for place in blueprint.way.places}


@dataclass(frozen=True, slots=True)
class Begun:
    """What the command line of each is begun with, where its network is not ours."""

    app: str = ""
    nginx: str = ""
    client: str = ""
    relay: str = ""


def begun(blueprint: Blueprint) -> Begun:
    names, way = namespaces(blueprint), blueprint.way
    if not names:
        return Begun()
    near, far = inside(names["near"]), inside(names.get("far", names["near"]))
    relay = inside(names[way.relay.place]) if way.relay else ""
    handed = f"{shlex.join((sys.executable, '-I', '-S', doors.__file__, *blueprint.doors))} --"
    if way.leg == "front":
        return Begun(nginx=f"{far} {handed} {OURS}", client=near, relay=relay)
    return Begun(app=far, nginx=f"{handed} {near}", relay=relay)


def _services(blueprint: Blueprint) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Each one's name, what its command line begins with, and the rest of it; in the order in which they start."""
    cpus = {role: f"taskset -c {format_cpus(blueprint.placement.cpus[role])}" for role in ("nginx", "app")}
    yield "app", _words(begun(blueprint).app, (), cpus["app"]), blueprint.gunicorn_argv
    for number, argv in enumerate(blueprint.bare_argvs.values()):
        yield bare_name(number), cpus["app"], argv
    yield "nginx", _words(begun(blueprint).nginx, (), cpus["nginx"]), blueprint.nginx_argv
    if blueprint.relay_argv:
        yield "relay", _words(begun(blueprint).relay, (), cpus[blueprint.relay_role]), blueprint.relay_argv


def _enclosure(blueprint: Blueprint, name: str) -> Enclosure:
    return blueprint.enclosures.get(name, BARE)


def _inside(blueprint: Blueprint) -> list[str]:
    """The script once more, called with the name of a server, in that server's sandbox."""
    services = ((name, _enclosure(blueprint, name), argv) for name, _, argv in _services(blueprint))
    branches = [branch(name, one, argv) for name, one, argv in services if one != BARE]
    cases = ['self=$(readlink -f "$0")', 'case "$1" in', *(line for lines in branches for line in lines), "esac"]
    return cases if branches else []


def _words(before: str, argv: tuple[str, ...], pinned: str = "") -> str:
    return " ".join(filter(None, (before, pinned, shlex.join(argv))))


def _rung(blueprint: Blueprint) -> dict[str, str]:
    """What it is, where containers have it, and the commands that build it."""
    way = blueprint.way
    if not way.places:
        return {}
    rung = plugins.load(RUNGS, way.rung, NetworkRung)
    relay = [_words(begun(blueprint).relay, blueprint.relay_argv)] if blueprint.relay_argv else []
    lines = [plugins.help_text(RUNGS, way.rung), f"As with {rung.stands_for}.", *_building(blueprint), *relay]
    return {f"network rung {way.rung}": "\n".join(lines)}


def _building(blueprint: Blueprint) -> list[str]:
    """The namespaces, with the knobs of a network turned in each, and what lies between them."""
    names = namespaces(blueprint)
    if not names:
        return []
    turned = [command(change) for setting in blueprint.kernel.of(*OF_A_NETWORK) for change in setting.changes]
    knobs = [f"{inside(name)} sh -c {shlex.quote(line)}" for name in names.values() for line in turned]
    client = begun(blueprint).client
    asking = [f"echo {shlex.quote(f'ask it inside: {client} curl ...')}"] if client else []
    return [*building_commands(blueprint.way, names, blueprint.ports), *knobs, *asking]


def _knobs(blueprint: Blueprint) -> str:
    """Each with its scope and the commands that turn it."""
    own = [OWN_NETWORK] if blueprint.kernel.own_network else []
    lines = [
        f"{setting.name} = {setting.value} ({setting.knob.scope}): {command(change)}"
        for setting in blueprint.kernel.settings
        for change in setting.changes
    ]
    return "\n".join([*own, *lines]) or "none are changed"


def _network(kernel: Kernel) -> list[str]:
    """The script once more, inside; who asks it must be there too."""
    if not kernel.own_network:
        return []
    return [
        '[ -n "$INSIDE" ] || exec env INSIDE=1 unshare --net "$0"',
        "ip link set lo up",
        'echo "ask it inside: nsenter --net --target $$ curl ..."',
    ]


def _turning(kernel: Kernel) -> list[str]:
    """Knobs of the whole machine are only told: nothing here would put them back."""
    inside = [command(change) for setting in kernel.of(*OF_A_NETWORK, "process") for change in setting.changes]
    return [*inside, *(f"# {setting}" for setting in kernel.of("global", "boot"))]
