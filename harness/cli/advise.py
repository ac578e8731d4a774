"""barehop advise: what a study of kernel settings advises."""

from pathlib import Path

import click

from harness.cli.formats import FormatOptions, format_options, print_report
from harness.cli.parameters import PATH, complete_results

STANDARD_OUTPUT = Path("-")


@click.command()
@click.argument("directory", type=PATH, shell_complete=complete_results)
@format_options()
@click.option(
    "--sysctl",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Also write a sysctl.d file to review, with the evidence as comments; - prints it and nothing else. Nothing "
    "is applied.",
)
def advise(directory: Path, options: FormatOptions, sysctl: Path | None) -> None:
    """Say which kernel settings help, harm, or make no difference.

    DIR is the results directory of a run with knobs. The advice is for its load and its kernel.
    """
    from harness.analysis.contrasts.knob_advice import advise as advise_on
    from harness.report.commands.advise import advice_report
    from harness.report.export.sysctl_file import render_sysctl
    from harness.session.summarize import read_results
    from harness.store.store import Store
    from harness.testbed.kernel.knob_settings import sysctl_of

    results = read_results(directory)
    kernel = results.host.get("kernel", {}).get("release") or "(not recorded)"
    advice = advise_on(results.plan.experiment, results.summary, kernel, sysctl_of)
    if sysctl == STANDARD_OUTPUT:
        click.echo(render_sysctl(advice), nl=False)
        return
    print_report(advice_report(advice), advice, options)
    if sysctl:
        Store(sysctl.parent).write_text(sysctl.name, render_sysctl(advice))
        click.echo(f"{sysctl} is to be reviewed; nothing was applied.", err=True)
