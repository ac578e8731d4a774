"""Renders a study of what only booting changes: the boots in their order, and what to type on each and at the end."""

import shlex
from collections.abc import Sequence

from rich.console import RenderableType

from harness.experiment.boots import Boot
from harness.report import page
from harness.report.page import Paragraph, heading, verbatim


def render_boots(
    boots: Sequence[Boot], config: str, name: str, given: Sequence[str], *, width: int | None = None
) -> str:
    """`given` are the overrides of the command line, which each run takes too."""
    parts: list[RenderableType] = [Paragraph(f"{len(boots)} boots, in this order; reboot before each.")]
    directories = [f"results/{name}/boot-{number}" for number in range(1, len(boots) + 1)]
    for number, (boot, directory) in enumerate(zip(boots, directories, strict=True), start=1):
        words = ["barehop", "run", config, "--out", directory]
        words += [word for override in (*given, *boot.overrides) for word in ("--set", override)]
        parts += ["", heading(f"Boot {number}"), Paragraph("On the kernel's command line, and seen in /proc/cmdline:")]
        parts += [verbatim(" ".join(boot.parameters)), Paragraph("Then:"), verbatim(shlex.join(words))]
    parts += ["", heading("After the last"), verbatim(shlex.join(["barehop", "compare", *directories]))]
    return page.render(parts, width=width, color=False)
