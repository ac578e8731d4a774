"""A validation as one self-contained HTML file."""

from markupsafe import Markup

from harness.model.validation import Validation
from harness.report.html.document import drawing_scripts, environment, packaged, policy
from harness.report.html.figures.claims import claims
from harness.report.validation.sections import answer, sections, warning


def render_validation_html(validation: Validation) -> str:
    """Return the page. Without a claim to draw, it has no figure and no script."""
    figure = claims(validation)
    scripts = drawing_scripts() if figure else []
    page = environment().get_template("validation.html.j2")
    return page.render(
        validation=validation,
        scripts=scripts,
        policy=policy(scripts),
        styles=Markup(packaged("report.css")),  # noqa: S704 - ours
        warning=warning(validation),
        answer=answer(validation),
        figures={figure.name: figure} if figure else {},
        sections=sections(validation),
    )
