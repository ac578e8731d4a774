"""barehop pool: pool runs of one experiment over hosts, and predict the effect on the next host."""

import click

from harness.cli.formats import FormatOptions, format_options, print_report
from harness.cli.parameters import complete_results


@click.command()
@click.argument("directories", nargs=-1, required=True, metavar="[NAME=]DIR...", shell_complete=complete_results)
@click.option(
    "--by", default="", metavar="FACT", help="Also pool hosts with the same FACT of host.json, like kernel.release."
)
@format_options()
def pool(directories: tuple[str, ...], by: str, options: FormatOptions) -> None:
    """Pool runs of one experiment over several hosts.

    The answer is the effect over hosts, and what to expect on the next one. DIR is a results directory, a directory of
    them, or a pattern in quotes. NAME= names their host.
    """
    from harness.analysis.between_runs.pool import pool_fleet
    from harness.report.commands.pool import pool_report
    from harness.session.pool import read_fleet

    pooled = pool_fleet(read_fleet(directories), by)
    print_report(pool_report(pooled), pooled, options)
