"""A stack as text and as a shell script, to read it or to bring it up without barehop."""

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence

from harness import plugins
from harness.model import Arm, Target
from harness.model.plugins import NETWORK_SCOPES, NamespacePlace, NetworkRung
from harness.testbed.blueprint import Blueprint, Server, null_server_name
from harness.testbed.kernel.actions import action_of
from harness.testbed.kernel.knob_settings import KernelConfiguration, KnobSetting
from harness.testbed.machine.procfs import format_cpus
from harness.testbed.network.build import building_commands, namespace_prefix
from harness.testbed.sandbox.spec import NO_ENCLOSURE, Enclosure, shell_command
from harness.testbed.servers.gunicorn import REMOVED_VARIABLES
from harness.testbed.standalone import enter
from harness.testbed.standalone import listen as listen_program
from harness.testbed.standalone import sockmap as sockmap_program

OWN_NETWORK_TEXT = "in a network namespace of its own, with the host's values otherwise"
ENTER_OUR_NETWORK = "nsenter --net=/proc/$$/ns/net"  # back from a namespace to that of the shell
NOTE_PID = 'pids="${pids:+$pids }$!"'


def describe_arm(blueprint: Blueprint, arm: str) -> dict[str, str]:
    """Return what serves `arm`, by subject, with every command in full."""
    cpus = "\n".join(f"{role}: {format_cpus(cpus)}" for role, cpus in blueprint.placement.cpus.items())
    servers = {server.name: server for server in blueprint.servers}
    nginx = {"nginx": _command_line(blueprint, servers["nginx"]), "nginx.conf": blueprint.nginx_conf}
    app = {blueprint.app_kind: _command_line(blueprint, servers["app"]), **_sharing_text(blueprint)}
    texts = {"full": nginx | app, "proxy-only": nginx, "app-direct": app}
    if arm in blueprint.addresses.null_servers:
        number = list(blueprint.addresses.null_servers).index(arm)
        texts["floor"] = {"null server": shlex.join(servers[null_server_name(number)].argv)}
    return {
        "request path": " -> ".join(filter(None, (blueprint.targets[arm].url, blueprint.expected_server(arm)))),
        "request": curl_command(blueprint.targets[arm]),
        "CPUs": f"{cpus}\n{blueprint.placement.reason}",
        "kernel settings": _knob_text(blueprint),
        **_rung_texts(blueprint),
        **({"sockmap": _sockmap_command(blueprint)} if blueprint.sockmap_ports else {}),
        **texts[blueprint.arm(arm).settings.chain],
        **{
            f"{server.name} in its sandbox": "\n".join(
                sandbox_commands(server.enclosure, server.argv, _layout_of(blueprint, server))
            )
            for server in blueprint.servers
            if server.enclosure != NO_ENCLOSURE
        },
    }


def _sharing_text(blueprint: Blueprint) -> dict[str, str]:
    """Return who else is served by the stack's gunicorn, if it is shared among networks."""
    others = [name for name in blueprint.app_arms if name not in blueprint.targets]
    if not others:
        return {}
    arms = ", ".join(others)
    text = (
        f"In a run, one gunicorn serves this arm and {arms}. It inherits its sockets (--bind=fd://3, ...), each made "
        "in the network of its arm. The command above starts the same gunicorn for this network alone."
    )
    return {"gunicorn is shared": text}


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
    targets = blueprint.targets.items()
    lines = [
        "#!/bin/sh",
        "# Brings up the same stack as barehop did. Ctrl-C stops it.",
        "set -e",
        *_sandbox_cases(blueprint),
        *_reentry_lines(blueprint),
        *_knob_lines(blueprint.kernel),
        f"cd {shlex.quote(str(blueprint.directory))}",
        f"unset {' '.join(REMOVED_VARIABLES)}",
        f"mkdir -m 700 {private}",
        "pids=",
        "end() {",
        *_indent([*_stop_lines(blueprint.servers), f"rm -r {private}"]),
        "}",
        "trap end EXIT",
        "trap 'exit 130' INT TERM",
        *_network_lines(blueprint),
        *(line for server in blueprint.servers for line in _start_lines(blueprint, server)),
        *([f"{_sockmap_command(blueprint)} &", NOTE_PID] if blueprint.sockmap_ports else []),
        *(f"echo {shlex.quote(f'{arm}: {target.url}')}" for arm, target in targets),
        *(f"# {arm}: {curl_command(target)}" for arm, target in targets if target.request.has_extras),
        "wait ${pids%% *}",
    ]
    return "\n".join(lines) + "\n"


def namespace_names(blueprint: Blueprint) -> Mapping[NamespacePlace, str]:
    """Return the names of the network rung's namespaces where a script makes them."""
    return {place: f"{blueprint.private_directories[0].name}-{place}" for place in blueprint.network_path.places}


def _entering(blueprint: Blueprint, place: NamespacePlace | None) -> str:
    """Return the prefix of a command that runs in the network of `place`; "" for ours."""
    return namespace_prefix(namespace_names(blueprint)[place]) if place else ""


def _prefix_of(blueprint: Blueprint, server: Server) -> str:
    """Return the prefix of a server's command: nginx may listen in another network than the one it connects from."""
    entering = _entering(blueprint, server.place)
    if not server.inherits:
        return entering
    listens = blueprint.network_path.place_of("listen") if server.name == "nginx" else server.place
    listen = shlex.join((sys.executable, "-I", "-S", listen_program.__file__, *server.inherits, "--"))
    if listens == server.place:
        return _join(entering, listen)
    return _join(_entering(blueprint, listens), listen, entering or ENTER_OUR_NETWORK)


def _layout_of(blueprint: Blueprint, server: Server) -> str:
    """Return the prefix of a server's command with its directory, its libraries and the session's memory layout."""
    directory = shlex.join(("env", "-C", str(server.cwd))) if server.cwd else ""
    preload = shlex.join(("env", f"LD_PRELOAD={server.preload}")) if server.preload else ""
    return _join(directory, blueprint.layout.command_prefix(server.argv, server.variables), preload)


def _command_line(blueprint: Blueprint, server: Server) -> str:
    return _join(_prefix_of(blueprint, server), _layout_of(blueprint, server), shlex.join(server.argv))


def _sockmap_command(blueprint: Blueprint) -> str:
    """Return the command that holds the sockmap of the hop until it ends, once the servers' control groups exist."""
    ports = ",".join(map(str, blueprint.sockmap_ports))
    groups = map(str, blueprint.socket_groups)
    return shlex.join((sys.executable, "-I", "-S", sockmap_program.__file__, ports, *groups))


def _join(*words: str) -> str:
    return " ".join(filter(None, words))


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def sandbox_commands(enclosure: Enclosure, argv: Sequence[str], layout: str = "") -> list[str]:
    """Return the commands from making the control groups to the server itself, with the prefix `layout`."""
    shell = [f"{unshare_command(enclosure)} /bin/sh  # and in there:"] if enclosure.namespaces else []
    joining = map(shell_command, enclosure.cgroup_steps)
    return [*_group_lines(enclosure), *joining, *shell, *_inner_commands(enclosure, argv, layout)]


def _group_lines(enclosure: Enclosure) -> list[str]:
    return [f"mkdir {shlex.quote(str(group))}" for group in enclosure.groups]


def unshare_command(enclosure: Enclosure) -> str:
    """Return the unshare command (util-linux 2.36 or later). Root enters its user namespace in `_inner_commands`."""
    user = [] if enclosure.as_root else ["--user", "--map-current-user", "--keep-caps"]
    kinds = [f"--{kind}" for kind in enclosure.namespaces if kind != "user"]
    fork = ["--fork", "--kill-child"] if enclosure.is_forked else []
    return " ".join(["unshare", *user, *kinds, *fork]) if user or kinds else ""


def _inner_commands(enclosure: Enclosure, argv: Sequence[str], layout: str) -> list[str]:
    """Return the commands inside the namespaces, up to the server; enter.py takes the steps that have no command.

    For an ordinary user these include mounts: mount(8) checks the user, not the capabilities.
    """
    mounts = enclosure.mount_steps if enclosure.as_root else ()
    last = [word for step in (*enclosure.mount_steps[len(mounts) :], *enclosure.final_steps) for word in step]
    entering = [sys.executable, "-I", "-S", enter.__file__, *last, "--"] if last else []
    return [*map(shell_command, mounts), _join("exec", layout, shlex.join([*entering, *argv]))]


def _sandbox_cases(blueprint: Blueprint) -> list[str]:
    """Return the shell `case` that runs one server when the script calls itself inside that server's sandbox."""
    commands = {
        server.name: _inner_commands(server.enclosure, server.argv, _layout_of(blueprint, server))
        for server in blueprint.servers
        if server.enclosure != NO_ENCLOSURE
    }
    branches = [[f"{name})", *_indent(lines), "    ;;"] for name, lines in commands.items()]
    cases = ['self=$(readlink -f "$0")', 'case "$1" in', *(line for branch in branches for line in branch), "esac"]
    return cases if branches else []


def _start_lines(blueprint: Blueprint, server: Server) -> list[str]:
    """Return lines that start a server; to get inside its sandbox, the script calls itself."""
    prefix, enclosure = _join(_prefix_of(blueprint, server), f"taskset -c {format_cpus(server.cpus)}"), server.enclosure
    if enclosure == NO_ENCLOSURE:
        return [_join(prefix, _layout_of(blueprint, server), shlex.join(server.argv), "&"), NOTE_PID]
    entering = _join("exec", prefix, unshare_command(enclosure), f'/bin/sh -e "$self" {server.name}')
    joining = map(shell_command, enclosure.cgroup_steps)
    note_forked = ['held="$held $!"'] if enclosure.is_forked else []  # unshare keeps SIGTERM from its child
    return [*_group_lines(enclosure), "(", *_indent([*joining, entering]), ") &", NOTE_PID, *note_forked]


def _stop_lines(servers: Sequence[Server]) -> list[str]:
    """Return lines that stop the servers and remove their control groups, which takes a moment."""
    groups = shlex.join(str(group) for server in servers for group in server.enclosure.groups)
    is_forked = any(server.enclosure.is_forked for server in servers)
    kill = ["sleep 0.5", "kill -KILL $held 2>/dev/null || true"] if is_forked else []
    remove = [f"for _ in 1 2 3 4 5; do rmdir {groups} 2>/dev/null && break; sleep 0.2; done"] if groups else []
    # Twice, because an nginx that is still starting handles a signal only when the next one comes.
    stop = ["kill $pids 2>/dev/null || true", "sleep 0.5", "kill $pids 2>/dev/null || true"]
    return [*stop, *kill, "wait", *remove]


def _rung_texts(blueprint: Blueprint) -> dict[str, str]:
    """Return the network rung's help, where containers have it, and the commands that build it."""
    name = blueprint.network_path.rung
    if not blueprint.network_path.places:
        return {}
    rung, client = plugins.load(NetworkRung, name), _entering(blueprint, blueprint.network_path.place_of("client"))
    relay = [_command_line(blueprint, server) for server in blueprint.servers if server.name == "relay"]
    requests = [f"{client} curl ..."] if client else []
    lines = [rung.help, f"As with {rung.stands_for}.", *_network_lines(blueprint), *relay, *requests]
    return {f"network rung {name}": "\n".join(lines)}


def _network_lines(blueprint: Blueprint) -> list[str]:
    """Return the commands that build the namespaces and links, and set the knobs of each network."""
    names = namespace_names(blueprint)
    lines = _commands(blueprint.kernel.of_scopes(*NETWORK_SCOPES))
    knobs = [f"{namespace_prefix(name)} sh -c {shlex.quote(line)}" for name in names.values() for line in lines]
    return [*building_commands(blueprint.network_path, names, blueprint.far_ports), *knobs]


def _knob_text(blueprint: Blueprint) -> str:
    """Return each knob with its scope and the commands that set it."""
    own = [OWN_NETWORK_TEXT] if blueprint.kernel.own_network else []
    lines = [
        f"{setting.name} = {setting.value} ({setting.knob.scope}): {command}"
        for setting in blueprint.kernel.settings
        for command in _commands([setting])
    ]
    return "\n".join([*own, *lines]) or "no changes"


def _reentry_lines(blueprint: Blueprint) -> list[str]:
    """Return lines that run the script again in new namespaces, with a /run/netns of its own for `ip netns`."""
    own_network, rung = blueprint.kernel.own_network, blueprint.network_path.places
    client = _entering(blueprint, blueprint.network_path.place_of("client"))
    kinds = [kind for kind, wanted in (("--net", own_network), ("--mount", rung)) if wanted]
    lines = [f'[ -n "$INSIDE" ] || exec env INSIDE=1 unshare {" ".join(kinds)} "$0"'] if kinds else []
    lines += ["ip link set lo up"] if own_network else []
    lines += ["mkdir -p /run/netns", "mount -t tmpfs none /run/netns"] if rung else []
    client_command = _join("nsenter", *kinds, "--target $$", client, "curl ...")
    return [*lines, f'echo "send requests from inside: {client_command}"'] if own_network or client else lines


def _knob_lines(kernel: KernelConfiguration) -> list[str]:
    """Return the commands for knobs; those of the whole machine as comments, since the script does not undo them."""
    local = kernel.of_scopes(*NETWORK_SCOPES, "process")
    return [*_commands(local), *(f"# {setting}" for setting in kernel.of_scopes("global", "boot"))]


def _commands(settings: Iterable[KnobSetting]) -> list[str]:
    return [action_of(change).command for setting in settings for change in setting.changes]
