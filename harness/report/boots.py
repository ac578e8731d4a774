"""What `plan --boots` prints: the boots in order, with the commands for each and for the comparison."""

import shlex
from collections.abc import Sequence

from rich.console import RenderableType

from harness.experiment.boots import Boot
from harness.report import page
from harness.report.page import Paragraph, heading, verbatim


def render_boots(
    boots: Sequence[Boot], config: str, name: str, cli_overrides: Sequence[str], *, width: int | None = None
) -> str:
    """Return the instructions; each run also takes the overrides of the command line, `cli_overrides`."""
    parts: list[RenderableType] = [Paragraph(f"{len(boots)} boots in this order. Reboot before each.")]
    directories = [f"results/{name}/boot-{number}" for number in range(1, len(boots) + 1)]
    for number, (boot, directory) in enumerate(zip(boots, directories, strict=True), start=1):
        words = ["barehop", "run", config, "--out", directory]
        words += [word for override in (*cli_overrides, *boot.overrides) for word in ("--set", override)]
        parts += ["", heading(f"Boot {number}"), Paragraph("On the kernel command line (check in /proc/cmdline):")]
        parts += [verbatim(" ".join(boot.parameters)), Paragraph("Then:"), verbatim(shlex.join(words))]
    parts += ["", heading("After the last boot"), verbatim(shlex.join(["barehop", "compare", *directories]))]
    return page.render(parts, width=width, color=False)
