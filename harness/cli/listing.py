"""barehop list: list everything that an experiment file can name."""

from collections.abc import Iterable

import click

from harness import plugins
from harness.cli.configurations import all_packaged
from harness.experiment.knobs import all_knobs
from harness.experiment.ladder import NETWORKS, SANDBOXES, networks, sandboxes
from harness.experiment.read import read_experiment
from harness.model import Knob

ANY_KNOB = {"net.ipv4.tcp_sack, ...": "network or global: any sysctl by its name."}


@click.command("list")
def list_everything() -> None:
    """List the settings of an arm and all transports, load tools, knobs and rungs."""
    from harness.report.arrangement import render_list

    click.echo(render_list(_kinds()), nl=False)


def _kinds() -> dict[str, dict[str, str]]:
    """Return name and help of all plug-ins and configurations, by kind."""
    return {
        "transports": _described("harness.lab.transports"),
        "network rungs": _described(NETWORKS, networks()),
        "load tools": {"client": "barehop's own interleaving client."} | _described("harness.load.tools"),
        "knobs": {name: _knob_help(knob) for name, knob in all_knobs().items()} | ANY_KNOB,
        "sandbox rungs": _described(SANDBOXES, sandboxes()),
        "formats": _described("harness.evidence.foreign.formats"),
        "configurations": {path.stem: read_experiment(path).question for path in all_packaged()},
    }


def _described(package: str, names: Iterable[str] | None = None) -> dict[str, str]:
    return {name: plugins.help_text(package, name) for name in names or plugins.names(package)}


def _knob_help(knob: Knob) -> str:
    """Return the scope of a knob, the transports that it can affect, and its help."""
    touches = {"tcp": "TCP only", "both": "any transport"}[knob.touches]
    return f"{knob.scope}, {touches}: {knob.help}"
