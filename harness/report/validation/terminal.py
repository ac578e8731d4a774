"""A validation as text for the terminal."""

from collections.abc import Iterator

from rich.console import RenderableType

from harness.model.validation import Validation
from harness.report import page
from harness.report.page import Paragraph
from harness.report.terminal import in_sections
from harness.report.validation.sections import answer, sections, warning


def render_validation(validation: Validation, *, width: int | None = None, color: bool = False) -> str:
    """Return the validation as text. `width` None is the width of the terminal; without `color`: no escape codes."""
    parts = [*_validation_head(validation), *in_sections(sections(validation))]
    return page.render(parts, width=width, color=color)


def _validation_head(validation: Validation) -> Iterator[RenderableType]:
    text = warning(validation)
    if text:
        yield Paragraph(text, style="bold red")
        yield ""
    yield Paragraph(answer(validation), style="bold")
    yield Paragraph(f"Compared with {validation.experiment} in {validation.directory}.", style="dim")
