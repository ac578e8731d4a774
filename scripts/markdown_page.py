"""Renders a Markdown page from a template; the filter `md` escapes what is put into it."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.report.text.markdown import escape_markdown


def render_markdown(template: Path, **values: object) -> str:
    """Return the page of the file `template`. A value that it needs and does not get is an error."""
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown, which goes through `md`
    )
    environment.filters["md"] = escape_markdown
    return environment.get_template(template.name).render(values)
