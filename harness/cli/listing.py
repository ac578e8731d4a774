"""barehop list: list everything that an experiment file can name."""

import click

from harness import plugins
from harness.cli.common import packaged_configs
from harness.cli.formats import report_text
from harness.experiment.read import read_experiment
from harness.experiment.transports import network_rungs
from harness.model import ImportFormat, Knob, LoadTool, NetworkRung, SandboxRung, Transport

COUNTERS = {
    'NAME = "EVENT"': "a perf event or tracepoint to count per request, like skb:consume_skb; perf list has all."
}
ANY_KNOB = {"net.ipv4.tcp_sack, ...": "network or global: any sysctl by its name."}


@click.command("list")
def list_plugins() -> None:
    """List the settings of an arm and all transports, load tools, knobs and rungs."""
    from harness.report.commands.plan import list_report

    click.echo(report_text(list_report(_help_by_kind()), "text"), nl=False)


def _help_by_kind() -> dict[str, dict[str, str]]:
    """Return name and help of all plug-ins and configurations, by kind."""
    rungs = plugins.table(NetworkRung)
    return {
        "transports": _help_texts(Transport),
        "network rungs": {name: rungs[name].help for name in network_rungs()},
        "load tools": {"client": "barehop's own interleaving client."} | _help_texts(LoadTool),
        "knobs": {name: _knob_help(knob) for name, knob in plugins.table(Knob).items()} | ANY_KNOB,
        "counters": COUNTERS,
        "sandbox rungs": {name: rung.help for name, rung in plugins.table(SandboxRung).items()},
        "formats": {name: reader.help for name, reader in plugins.table(ImportFormat).items()},
        "configurations": {path.stem: read_experiment(path).question for path in packaged_configs()},
    }


def _help_texts(kind: type) -> dict[str, str]:
    return {name: plugins.help_text(kind, name) for name in plugins.names(kind)}


def _knob_help(knob: Knob) -> str:
    """Return the scope of a knob, the transports that it can affect, and its help."""
    touches = {"tcp": "TCP only", "both": "any transport"}[knob.touches]
    return f"{knob.scope}, {touches}: {knob.help}"
