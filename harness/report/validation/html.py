"""Renders a validation as one HTML file that needs nothing else."""

from markupsafe import Markup

from harness.model.validation import Validation
from harness.report.html.document import environment, packaged, policy
from harness.report.validation.sections import answer, sections, warning


def render_validation_html(validation: Validation) -> str:
    """The page: no script in it."""
    return (
        environment()
        .get_template("validation.html.j2")
        .render(
            validation=validation,
            policy=policy([]),
            styles=Markup(packaged("report.css")),  # noqa: S704 - ours
            warning=warning(validation),
            answer=answer(validation),
            sections=sections(validation),
        )
    )
