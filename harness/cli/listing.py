"""barehop list: list everything that an experiment file can name, by kind."""

import click

from harness import plugins
from harness.cli.common import packaged_configs
from harness.cli.formats import report_text
from harness.experiment.read import read_experiment
from harness.experiment.transports import network_rungs
from harness.model import ImportFormat, Knob, LoadTool, NetworkRung, SandboxRung, Settings, Transport

COUNTERS = {
    'NAME = "EVENT"': "a perf event or tracepoint to count per request, like skb:consume_skb; perf list has all."
}
ANY_KNOB = {"net.ipv4.tcp_sack, ...": "network or global: any sysctl by its name."}


KINDS = {  # with what each is, in a line
    "settings": "what an arm can have",
    "transports": "how nginx reaches the application",
    "rungs": "what a container adds, bit by bit",
    "tools": "load generators",
    "knobs": "kernel settings, besides any sysctl",
    "counters": "perf events to count per request",
    "formats": "files of other tools that are read",
    "configs": "experiments that barehop brings",
}


@click.command("list")
@click.argument("kind", metavar="[KIND]", type=click.Choice(list(KINDS)), required=False)
def list_plugins(kind: str | None) -> None:
    """List what an experiment file can name.

    With KIND all of it: settings, transports, rungs, tools, knobs, counters, formats or configs.
    """
    from harness.report.commands.plan import kinds_report, list_report

    if kind:
        report = list_report(_help_by_kind(kind), has_settings=kind == "settings")
    else:
        report = kinds_report([(name, _count(name), what) for name, what in KINDS.items()])
    click.echo(report_text(report, "text"), nl=False)


def _count(kind: str) -> str:
    """Return how many there are of a kind, without those that a user makes up."""
    match kind:
        case "settings":
            return str(len(Settings.model_fields))
        case "configs":
            return str(len(packaged_configs()))
        case "counters":
            return "any"
    return str(sum(name not in ANY_KNOB for texts in _help_by_kind(kind).values() for name in texts))


def _help_by_kind(kind: str) -> dict[str, dict[str, str]]:
    """Return the tables of a kind by title, each with the help by name; settings have a table of their own."""
    match kind:
        case "transports":
            return {"transports": _help_texts(Transport)}
        case "rungs":
            rungs = plugins.table(NetworkRung)
            sandboxes = plugins.table(SandboxRung)
            return {
                "network rungs": {name: rungs[name].help for name in network_rungs()},
                "sandbox rungs": {name: rung.help for name, rung in sandboxes.items()},
            }
        case "tools":
            return {"load tools": {"client": "barehop's own interleaving client."} | _help_texts(LoadTool)}
        case "knobs":
            return {"knobs": {name: _knob_help(knob) for name, knob in plugins.table(Knob).items()} | ANY_KNOB}
        case "counters":
            return {"counters": COUNTERS}
        case "formats":
            return {"formats": {name: reader.help for name, reader in plugins.table(ImportFormat).items()}}
        case "configs":
            return {"configurations": {path.stem: read_experiment(path).question for path in packaged_configs()}}
    return {}


def _help_texts(kind: type) -> dict[str, str]:
    return {name: plugins.help_text(kind, name) for name in plugins.names(kind)}


def _knob_help(knob: Knob) -> str:
    """Return the scope of a knob, the transports that it can affect, and its help."""
    touches = {"tcp": "TCP only", "both": "any transport"}[knob.touches]
    return f"{knob.scope}, {touches}: {knob.help}"
