"""A validation as Markdown."""

from collections.abc import Iterator

from harness.model.validation import Validation
from harness.report.markdown import escaped, in_sections
from harness.report.validation.sections import answer, sections, warning


def render_validation_markdown(validation: Validation) -> str:
    """Return the validation in GitHub-flavoured Markdown."""
    return "\n\n".join([*_validation_head(validation), *in_sections(sections(validation))]) + "\n"


def _validation_head(validation: Validation) -> Iterator[str]:
    text = warning(validation)
    if text:
        yield f"> [!WARNING]\n> {escaped(text)}"
    yield f"**{escaped(answer(validation))}**"
