"""Renders a validation for the terminal."""

from collections.abc import Iterator

from rich.console import RenderableType

from harness.model.validation import Validation
from harness.report import page
from harness.report.page import Paragraph
from harness.report.terminal import in_sections
from harness.report.validation.sections import answer, sections, warning


def render_validation(validation: Validation, *, width: int | None = None, color: bool = False) -> str:
    """The whole validation as text. `width` None: the terminal's; without `color` there are no escape codes in it."""
    parts = [*_head(validation), *in_sections(sections(validation))]
    return page.render(parts, width=width, color=color)


def _head(validation: Validation) -> Iterator[RenderableType]:
    said = warning(validation)
    if said:
        yield Paragraph(said, style="bold red")
        yield ""
    yield Paragraph(answer(validation), style="bold")
    yield Paragraph(f"Held against {validation.experiment} in {validation.directory}.", style="dim")
