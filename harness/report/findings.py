"""What `doctor` prints: a checklist of the machine, and what can be concluded from measurements on it."""

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
    """One check: `seen` is the observed value, `advice` what to do if it is not ok."""

    subject: str
    state: State
    seen: str
    advice: str = ""


def render_doctor(
    findings: Sequence[Finding], conclusions: Sequence[str], *, width: int | None = None, color: bool = False
) -> str:
    """Return the checklist, the number of doubts and missing items, then `conclusions`, one line each."""
    parts: list[RenderableType] = [_checklist(findings), "", Paragraph(_count(findings))]
    if conclusions:
        parts += ["", heading("What can be concluded here")]
        parts += [Paragraph(line, first_indent="- ", indent="  ") for line in conclusions]
    return page.render(parts, width=width, color=color)


def _checklist(findings: Sequence[Finding]) -> Table:
    table = grid()
    for header in ("state", "subject", "observed"):
        table.add_column(header, overflow="fold")
    for finding in findings:
        table.add_row(Text(finding.state, style=STYLES[finding.state]), finding.subject, _observation(finding))
    return table


def _observation(finding: Finding) -> RenderableType:
    if not finding.advice or finding.state == "ok":
        return Paragraph(finding.seen)
    return Group(Paragraph(finding.seen), Paragraph(finding.advice, style="dim", first_indent="-> ", indent="   "))


def _count(findings: Sequence[Finding]) -> str:
    states = [finding.state for finding in findings]
    doubts, missing = states.count("doubt"), states.count("missing")
    if not doubts and not missing:
        return "No doubts, nothing missing."
    return f"{counted(doubts, 'doubt')}, {missing} missing."
