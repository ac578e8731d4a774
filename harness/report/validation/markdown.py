"""Renders a validation as Markdown."""

from collections.abc import Iterator

from harness.model.validation import Validation
from harness.report.markdown import escaped, in_sections
from harness.report.validation.sections import answer, sections, warning


def render_validation_markdown(validation: Validation) -> str:
    """In GitHub's flavour."""
    return "\n\n".join([*_head(validation), *in_sections(sections(validation))]) + "\n"


def _head(validation: Validation) -> Iterator[str]:
    said = warning(validation)
    if said:
        yield f"> [!WARNING]\n> {escaped(said)}"
    yield f"**{escaped(answer(validation))}**"
