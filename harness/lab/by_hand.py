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
from harness.model import Arm, Target
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
        "request": curl_command(blueprint.targets[arm]),
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


def curl_command(target: Target) -> str:
    """The command that sends the request of an arm by hand."""
    request = target.request
    place = ["--unix-socket", str(target.socket), f"http://localhost{target.path}"] if target.socket else [target.url]
    trusted = ["--cacert", str(target.authority)] if target.authority else []
    method = ["-X", request.method] if request.method != "GET" else []
    lines = (f"Host: {target.host_field}", *request.lines)
    body = ["--data-raw", request.body.decode()] if request.body else []
    return shlex.join(["curl", *trusted, *method, *(word for line in lines for word in ("-H", line)), *body, *place])


def described_service(arm: Arm) -> dict[str, str]:
    """What is known of the service that `arm` asks, by what it is."""
    settings = arm.settings
    cpu = [f"{key} = {value}" for key in ("pids", "cgroup") if (value := getattr(settings, key))]
    return {
        "who asks whom": settings.url,
        "CPU time is read of": "\n".join(cpu) or "nobody: neither pids nor cgroup is given",
        "how to start it": settings.start or "is not said",
    }


def start_script(blueprint: Blueprint) -> str:
    """A shell script that brings the same stack up by hand."""
    private = shlex.join(map(str, blueprint.private))
    lines = [
        "#!/bin/sh",
        "# Brings this stack up by hand, as barehop did. Ctrl-C ends it.",
        "set -e",
        *_inside(blueprint),
        *_once_more(blueprint),
        *_turning(blueprint.kernel),
        f"cd {shlex.quote(str(blueprint.directory))}",
        f"unset {' '.join(UNWANTED)}",
        f"mkdir -m 700 {private}",
        "pids=",
        "end() {",
        *(f"    {line}" for line in (*ended(blueprint.enclosures.values()), f"rm -r {private}")),
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
        *(f"# {arm}: {curl_command(target)}" for arm, target in blueprint.targets.items() if target.request.has_more),
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
    asking = [f"{begun(blueprint).client} curl ..."] if begun(blueprint).client else []
    what = [plugins.help_text(RUNGS, way.rung), f"As with {rung.stands_for}."]
    lines = [*what, *_building(blueprint), *relay, *asking]
    return {f"network rung {way.rung}": "\n".join(lines)}


def _building(blueprint: Blueprint) -> list[str]:
    """The namespaces, with the knobs of a network turned in each, and what lies between them."""
    names = namespaces(blueprint)
    if not names:
        return []
    turned = [command(change) for setting in blueprint.kernel.of(*OF_A_NETWORK) for change in setting.changes]
    knobs = [f"{inside(name)} sh -c {shlex.quote(line)}" for name in names.values() for line in turned]
    return [*building_commands(blueprint.way, names, blueprint.ports), *knobs]


def _knobs(blueprint: Blueprint) -> str:
    """Each with its scope and the commands that turn it."""
    own = [OWN_NETWORK] if blueprint.kernel.own_network else []
    lines = [
        f"{setting.name} = {setting.value} ({setting.knob.scope}): {command(change)}"
        for setting in blueprint.kernel.settings
        for change in setting.changes
    ]
    return "\n".join([*own, *lines]) or "none are changed"


def _once_more(blueprint: Blueprint) -> list[str]:
    """The script once more, inside; who asks it must be there too. `ip netns` keeps names as mounts, here its own."""
    own, rung, client = blueprint.kernel.own_network, blueprint.way.places, begun(blueprint).client
    kinds = [kind for kind, wanted in (("--net", own), ("--mount", rung)) if wanted]
    lines = [f'[ -n "$INSIDE" ] || exec env INSIDE=1 unshare {" ".join(kinds)} "$0"'] if kinds else []
    lines += ["ip link set lo up"] if own else []
    lines += ["mkdir -p /run/netns", "mount -t tmpfs none /run/netns"] if rung else []
    asking = " ".join(filter(None, ("nsenter", *kinds, "--target $$", client, "curl ...")))
    return [*lines, f'echo "ask it inside: {asking}"'] if own or client else lines


def _turning(kernel: Kernel) -> list[str]:
    """Knobs of the whole machine are only told: nothing here would put them back."""
    inside = [command(change) for setting in kernel.of(*OF_A_NETWORK, "process") for change in setting.changes]
    return [*inside, *(f"# {setting}" for setting in kernel.of("global", "boot"))]
