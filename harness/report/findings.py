"""Renders what a look at the machine found: a checklist, and what can be concluded from measuring here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import page
from harness.report.page import Paragraph, grid, heading
from harness.report.wording import counted

State = Literal["ok", "doubt", "missing"]
STYLES: Mapping[State, str] = {"ok": "green", "doubt": "yellow", "missing": "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `seen` is a fact with its value, `advice` what to do when it is not ok."""

    subject: str
    state: State
    seen: str
    advice: str = ""


def render_doctor(
    findings: Sequence[Finding], conclusions: Sequence[str], *, width: int | None = None, color: bool = False
) -> str:
    """The findings as a checklist, how many of them ask for something, then `conclusions`, a line each."""
    parts: list[RenderableType] = [_checklist(findings), "", Paragraph(_count(findings))]
    if conclusions:
        parts += ["", heading("What can be concluded here")]
        parts += [Paragraph(line, first_indent="- ", indent="  ") for line in conclusions]
    return page.render(parts, width=width, color=color)


def _checklist(findings: Sequence[Finding]) -> Table:
    table = grid()
    for header in ("state", "subject", "seen"):
        table.add_column(header, overflow="fold")
    for finding in findings:
        table.add_row(Text(finding.state, style=STYLES[finding.state]), finding.subject, _seen(finding))
    return table


def _seen(finding: Finding) -> RenderableType:
    if not finding.advice or finding.state == "ok":
        return Paragraph(finding.seen)
    return Group(Paragraph(finding.seen), Paragraph(finding.advice, style="dim", first_indent="-> ", indent="   "))


def _count(findings: Sequence[Finding]) -> str:
    states = [finding.state for finding in findings]
    doubts, missing = states.count("doubt"), states.count("missing")
    if not doubts and not missing:
        return "Nothing is missing and nothing is in doubt."
    return f"{counted(doubts, 'doubt')}, {missing} missing."
