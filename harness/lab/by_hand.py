"""A stack in words and as a script, for those who want to see it or bring it up by hand."""

import shlex

from harness.lab.blueprint import Blueprint
from harness.lab.gunicorn import UNWANTED
from harness.lab.kernel.commands import command
from harness.lab.kernel.settings import Kernel
from harness.lab.kernelfiles import format_cpus
from harness.model import Arm
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
    }


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
    cpus = {role: format_cpus(blueprint.placement.cpus[role]) for role in ("nginx", "app")}
    private = shlex.join(map(str, blueprint.private))
    commands = [
        (cpus["app"], blueprint.gunicorn_argv),
        *((cpus["app"], argv) for argv in blueprint.bare_argvs.values()),
        (cpus["nginx"], blueprint.nginx_argv),
    ]
    lines = [
        "#!/bin/sh",
        "# Brings this stack up by hand, as barehop did. Ctrl-C ends it.",
        "set -e",
        *_network(blueprint.kernel),
        *_turning(blueprint.kernel),
        f"cd {shlex.quote(str(blueprint.directory))}",
        f"unset {' '.join(UNWANTED)}",
        f"mkdir -m 700 {private}",
        "pids=",
        f"end() {{ kill $pids 2>/dev/null || true; wait; rm -r {private}; }}",
        "trap end EXIT",
        "trap 'exit 130' INT TERM",
        *(
            line
            for where, argv in commands
            for line in (f"taskset -c {where} {shlex.join(argv)} &", 'pids="${pids:+$pids }$!"')
        ),
        *(f"echo {shlex.quote(f'{arm}: {target.url}')}" for arm, target in blueprint.targets.items()),
        "wait ${pids%% *}",
    ]
    return "\n".join(lines) + "\n"


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
