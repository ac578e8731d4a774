"""A stack in words and as a script, for those who want to see it or bring it up by hand."""

import shlex
from collections.abc import Sequence

from harness.lab.blueprint import Blueprint, bare_name
from harness.lab.gunicorn import UNWANTED
from harness.lab.kernel.commands import command
from harness.lab.kernel.settings import Kernel
from harness.lab.kernelfiles import format_cpus
from harness.lab.sandbox.shell import branch, commands, is_forked, started
from harness.lab.sandbox.steps import BARE
from harness.model.knobs import OF_A_NETWORK

OWN_NETWORK = "in a network namespace of its own, with the host's values otherwise"


def described(blueprint: Blueprint, arm: str) -> dict[str, str]:
    """What serves `arm`, in words and in full, by what it is."""
    cpus = "\n".join(f"{role}: {format_cpus(cpus)}" for role, cpus in blueprint.placement.cpus.items())
    chain = blueprint.arm(arm).settings.chain
    nginx = {"nginx": shlex.join(blueprint.nginx_argv), "nginx.conf": blueprint.nginx_conf}
    gunicorn = {"gunicorn": shlex.join(blueprint.gunicorn_argv)}
    servers = {"full": nginx | gunicorn, "proxy-only": nginx, "app-direct": gunicorn}
    if arm in blueprint.bare_argvs:
        servers["floor"] = {"bare server": shlex.join(blueprint.bare_argvs[arm])}
    return {
        "who asks whom": " -> ".join(filter(None, (blueprint.targets[arm].url, blueprint.server(arm)))),
        "CPUs": f"{cpus}\n{blueprint.placement.reason}",
        "kernel settings": _knobs(blueprint),
        **servers[chain],
        **_sandboxes(blueprint),
    }


def _sandboxes(blueprint: Blueprint) -> dict[str, str]:
    """How to start each server in its sandbox, where it has one."""
    return {
        f"{name} in its sandbox": "\n".join(commands(blueprint.enclosures[name], argv))
        for name, _, argv in _servers(blueprint)
        if blueprint.enclosures[name] != BARE
    }


def start_script(blueprint: Blueprint) -> str:
    """A shell script that brings the same stack up by hand."""
    private = shlex.join(map(str, blueprint.private))
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
        *_end(blueprint),
        "trap end EXIT",
        "trap 'exit 130' INT TERM",
        *(
            line
            for name, where, argv in _servers(blueprint)
            for line in started(name, blueprint.enclosures[name], where, argv)
        ),
        *(f"echo {shlex.quote(f'{arm}: {target.url}')}" for arm, target in blueprint.targets.items()),
        "wait ${pids%% *}",
    ]
    return "\n".join(lines) + "\n"


def _servers(blueprint: Blueprint) -> list[tuple[str, str, Sequence[str]]]:
    """(name, CPUs, command line) in the order in which they start."""
    cpus = {role: format_cpus(blueprint.placement.cpus[role]) for role in ("nginx", "app")}
    bare = enumerate(blueprint.bare_argvs.values())
    return [
        ("app", cpus["app"], blueprint.gunicorn_argv),
        *((bare_name(number), cpus["app"], argv) for number, argv in bare),
        ("nginx", cpus["nginx"], blueprint.nginx_argv),
    ]


def _inside(blueprint: Blueprint) -> list[str]:
    """The script once more, called with the name of a server, in that server's sandbox."""
    enclosed = [(name, argv) for name, _, argv in _servers(blueprint) if blueprint.enclosures[name] != BARE]
    branches = (branch(name, blueprint.enclosures[name], argv) for name, argv in enclosed)
    cases = ['self=$(readlink -f "$0")', 'case "$1" in', *(line for lines in branches for line in lines), "esac"]
    return cases if enclosed else []


def _end(blueprint: Blueprint) -> list[str]:
    """Control groups can be removed when nobody is in them any more, which takes a moment."""
    enclosures = blueprint.enclosures.values()
    groups = shlex.join(str(group) for one in enclosures for group in one.groups)
    killed = ["    sleep 1", "    kill -KILL $held 2>/dev/null || true"] if any(map(is_forked, enclosures)) else []
    removed = [f"    for _ in 1 2 3 4 5; do rmdir {groups} 2>/dev/null && break; sleep 0.2; done"] if groups else []
    ended = ["    kill $pids 2>/dev/null || true", *killed, "    wait", *removed]
    return ["end() {", *ended, f"    rm -r {shlex.join(map(str, blueprint.private))}", "}"]


def _knobs(blueprint: Blueprint) -> str:
    """Each with its scope and the commands that turn it."""
    own = (
        ["in a network namespace of its own, with the host's values otherwise"] if blueprint.kernel.own_network else []
    )
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
