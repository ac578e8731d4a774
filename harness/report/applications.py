"""The application files that were measured."""

from harness.model import Application, Summary
from harness.report.wording import listed

HASH_DIGITS = 12  # enough to distinguish versions of a file


def application_lines(summary: Summary) -> list[str]:
    """Return `app/main.py of barehop (app.main:app, SHA-256 9a08edb08bff)` for each file, with its arms if several."""
    several = len(summary.applications) > 1
    return [
        f"{_application_text(application)}{f' for {listed(application.arms)}' if several else ''}"
        for application in summary.applications
    ]


def application_note(summary: Summary) -> str:
    """Return the same as a sentence; empty if nothing is known."""
    lines = application_lines(summary)
    return f"Application: {'; '.join(lines)}." if lines else ""


def _application_text(application: Application) -> str:
    place = f"in {application.directory}" if application.directory else "of barehop"
    if not application.file:
        return f"{application.app} {place} (file unknown)"
    return f"{application.file} {place} ({application.app}, SHA-256 {application.sha256[:HASH_DIGITS]})"
