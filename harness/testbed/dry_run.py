"""A stack as text and as a shell script, to read it or to bring it up without barehop."""

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness import plugins
from harness.model import Arm, Target
from harness.model.knobs import NETWORK_SCOPES
from harness.model.plugins import NamespacePlace, NetworkRung
from harness.testbed.blueprint import Blueprint, null_server_name
from harness.testbed.kernel.apply import action_of
from harness.testbed.kernel.settings import KernelConfiguration, KnobSetting
from harness.testbed.machine.procfs import format_cpus
from harness.testbed.network.build import building_commands, namespace_prefix
from harness.testbed.sandbox.spec import NO_ENCLOSURE, Enclosure, case_branch, sandbox_commands, start_lines, stop_lines
from harness.testbed.servers.gunicorn import REMOVED_VARIABLES
from harness.testbed.standalone import listen as listen_program

OWN_NETWORK_TEXT = "in a network namespace of its own, with the host's values otherwise"
ENTER_OUR_NETWORK = "nsenter --net=/proc/$$/ns/net"  # back from a namespace to that of the shell


def describe_arm(blueprint: Blueprint, arm: str) -> dict[str, str]:
    """Return what serves `arm`, by subject, with every command in full."""
    cpus = "\n".join(f"{role}: {format_cpus(cpus)}" for role, cpus in blueprint.placement.cpus.items())
    chain = blueprint.arm(arm).settings.chain
    nginx = {
        "nginx": _command_line(command_prefixes(blueprint).nginx, blueprint.nginx_argv),
        "nginx.conf": blueprint.nginx_conf,
    }
    gunicorn = {"gunicorn": _command_line(command_prefixes(blueprint).app, blueprint.gunicorn_argv)}
    servers = {"full": nginx | gunicorn, "proxy-only": nginx, "app-direct": gunicorn}
    if arm in blueprint.null_server_argvs:
        servers["floor"] = {"bare server": shlex.join(blueprint.null_server_argvs[arm])}
    return {
        "request path": " -> ".join(filter(None, (blueprint.targets[arm].url, blueprint.expected_server(arm)))),
        "request": curl_command(blueprint.targets[arm]),
        "CPUs": f"{cpus}\n{blueprint.placement.reason}",
        "kernel settings": _knob_text(blueprint),
        **_rung_texts(blueprint),
        **servers[chain],
        **_sandbox_texts(blueprint),
    }


def _sandbox_texts(blueprint: Blueprint) -> dict[str, str]:
    """Return the commands that start each sandboxed server in its sandbox."""
    return {
        f"{name} in its sandbox": "\n".join(sandbox_commands(_enclosure_of(blueprint, name), argv))
        for name, _, argv in _services(blueprint)
        if _enclosure_of(blueprint, name) != NO_ENCLOSURE
    }


def curl_command(target: Target) -> str:
    """Return the curl command that sends the request of `target`."""
    request = target.request
    address = ["--unix-socket", str(target.socket), f"http://localhost{target.path}"] if target.socket else [target.url]
    trusted = ["--cacert", str(target.ca_file)] if target.ca_file else []
    method = ["-X", request.method] if request.method != "GET" else []
    lines = (f"Host: {target.host_header}", *request.header_lines)
    body = ["--data-raw", request.body.decode()] if request.body else []
    return shlex.join(["curl", *trusted, *method, *(word for line in lines for word in ("-H", line)), *body, *address])


def describe_service(arm: Arm) -> dict[str, str]:
    """Return what is known of the external service of `arm`, by subject."""
    settings = arm.settings
    cpu = [f"{key} = {value}" for key in ("pids", "cgroup") if (value := getattr(settings, key))]
    return {
        "request path": settings.url,
        "CPU time is read from": "\n".join(cpu) or "nothing: neither pids nor cgroup is given",
        "how to start it": settings.start or "not given",
    }


def start_script(blueprint: Blueprint) -> str:
    """Return a shell script that brings the same stack up without barehop."""
    private = shlex.join(map(str, blueprint.private_directories))
    lines = [
        "#!/bin/sh",
        "# Brings up the same stack as barehop did. Ctrl-C stops it.",
        "set -e",
        *_script_cases(blueprint),
        *_reentry_lines(blueprint),
        *_knob_lines(blueprint.kernel),
        f"cd {shlex.quote(str(blueprint.directory))}",
        f"unset {' '.join(REMOVED_VARIABLES)}",
        f"mkdir -m 700 {private}",
        "pids=",
        "end() {",
        *(f"    {line}" for line in (*stop_lines(blueprint.enclosures.values()), f"rm -r {private}")),
        "}",
        "trap end EXIT",
        "trap 'exit 130' INT TERM",
        *_network_lines(blueprint),
        *(
            line
            for name, prefix, argv in _services(blueprint)
            for line in start_lines(name, _enclosure_of(blueprint, name), prefix, argv)
        ),
        *(f"echo {shlex.quote(f'{arm}: {target.url}')}" for arm, target in blueprint.targets.items()),
        *(f"# {arm}: {curl_command(target)}" for arm, target in blueprint.targets.items() if target.request.has_extras),
        "wait ${pids%% *}",
    ]
    return "\n".join(lines) + "\n"


def namespace_names(blueprint: Blueprint) -> Mapping[NamespacePlace, str]:
    """Return the names of the network rung's namespaces where a script makes them."""
    return {place: f"{blueprint.private_directories[0].name}-{place}" for place in blueprint.network_path.places}


@dataclass(frozen=True, slots=True)
class CommandPrefixes:
    """The prefixes of command lines that start a process in another network; "" for ours."""

    app: str = ""
    nginx: str = ""
    client: str = ""
    relay: str = ""


def command_prefixes(blueprint: Blueprint) -> CommandPrefixes:
    """Return the prefix of each command line of the stack."""
    names, network_path = namespace_names(blueprint), blueprint.network_path
    if not names:
        return CommandPrefixes()
    near, far = namespace_prefix(names["near"]), namespace_prefix(names.get("far", names["near"]))
    relay = namespace_prefix(names[network_path.relay.place]) if network_path.relay else ""
    listen = f"{shlex.join((sys.executable, '-I', '-S', listen_program.__file__, *blueprint.listen_addresses))} --"
    if network_path.leg == "front":
        return CommandPrefixes(nginx=f"{far} {listen} {ENTER_OUR_NETWORK}", client=near, relay=relay)
    return CommandPrefixes(app=far, nginx=f"{listen} {near}", relay=relay)


def _services(blueprint: Blueprint) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Yield (name, prefix, command line) of each server in the order of their start."""
    cpus = {role: f"taskset -c {format_cpus(blueprint.placement.cpus[role])}" for role in ("nginx", "app")}
    yield "app", _command_line(command_prefixes(blueprint).app, (), cpus["app"]), blueprint.gunicorn_argv
    for number, argv in enumerate(blueprint.null_server_argvs.values()):
        yield null_server_name(number), cpus["app"], argv
    yield "nginx", _command_line(command_prefixes(blueprint).nginx, (), cpus["nginx"]), blueprint.nginx_argv
    if blueprint.relay_argv:
        yield (
            "relay",
            _command_line(command_prefixes(blueprint).relay, (), cpus[blueprint.relay_role]),
            blueprint.relay_argv,
        )


def _enclosure_of(blueprint: Blueprint, name: str) -> Enclosure:
    return blueprint.enclosures.get(name, NO_ENCLOSURE)


def _script_cases(blueprint: Blueprint) -> list[str]:
    """Return the shell `case` that runs one server when the script calls itself inside that server's sandbox."""
    services = ((name, _enclosure_of(blueprint, name), argv) for name, _, argv in _services(blueprint))
    branches = [case_branch(name, enclosure, argv) for name, enclosure, argv in services if enclosure != NO_ENCLOSURE]
    cases = ['self=$(readlink -f "$0")', 'case "$1" in', *(line for lines in branches for line in lines), "esac"]
    return cases if branches else []


def _command_line(prefix: str, argv: tuple[str, ...], pinned: str = "") -> str:
    return " ".join(filter(None, (prefix, pinned, shlex.join(argv))))


def _rung_texts(blueprint: Blueprint) -> dict[str, str]:
    """Return the network rung's help, where containers have it, and the commands that build it."""
    network_path = blueprint.network_path
    if not network_path.places:
        return {}
    rung = plugins.load(NetworkRung, network_path.rung)
    relay = [_command_line(command_prefixes(blueprint).relay, blueprint.relay_argv)] if blueprint.relay_argv else []
    client = [f"{command_prefixes(blueprint).client} curl ..."] if command_prefixes(blueprint).client else []
    texts = [plugins.help_text(NetworkRung, network_path.rung), f"As with {rung.stands_for}."]
    lines = [*texts, *_network_lines(blueprint), *relay, *client]
    return {f"network rung {network_path.rung}": "\n".join(lines)}


def _network_lines(blueprint: Blueprint) -> list[str]:
    """Return the commands that build the namespaces and links, and set the knobs of each network."""
    names = namespace_names(blueprint)
    if not names:
        return []
    lines = _commands(blueprint.kernel.of_scopes(*NETWORK_SCOPES))
    knobs = [f"{namespace_prefix(name)} sh -c {shlex.quote(line)}" for name in names.values() for line in lines]
    return [*building_commands(blueprint.network_path, names, blueprint.far_ports), *knobs]


def _knob_text(blueprint: Blueprint) -> str:
    """Return each knob with its scope and the commands that set it."""
    own = [OWN_NETWORK_TEXT] if blueprint.kernel.own_network else []
    lines = [
        f"{setting.name} = {setting.value} ({setting.knob.scope}): {action_of(change).command}"
        for setting in blueprint.kernel.settings
        for change in setting.changes
    ]
    return "\n".join([*own, *lines]) or "no changes"


def _reentry_lines(blueprint: Blueprint) -> list[str]:
    """Return lines that run the script again in new namespaces, with a /run/netns of its own for `ip netns`."""
    own_network, rung, client = (
        blueprint.kernel.own_network,
        blueprint.network_path.places,
        command_prefixes(blueprint).client,
    )
    kinds = [kind for kind, wanted in (("--net", own_network), ("--mount", rung)) if wanted]
    lines = [f'[ -n "$INSIDE" ] || exec env INSIDE=1 unshare {" ".join(kinds)} "$0"'] if kinds else []
    lines += ["ip link set lo up"] if own_network else []
    lines += ["mkdir -p /run/netns", "mount -t tmpfs none /run/netns"] if rung else []
    client_command = " ".join(filter(None, ("nsenter", *kinds, "--target $$", client, "curl ...")))
    return [*lines, f'echo "send requests from inside: {client_command}"'] if own_network or client else lines


def _knob_lines(kernel: KernelConfiguration) -> list[str]:
    """Return the commands for knobs; those of the whole machine as comments, since the script does not undo them."""
    local = kernel.of_scopes(*NETWORK_SCOPES, "process")
    return [*_commands(local), *(f"# {setting}" for setting in kernel.of_scopes("global", "boot"))]


def _commands(settings: Iterable[KnobSetting]) -> list[str]:
    return [action_of(change).command for setting in settings for change in setting.changes]
