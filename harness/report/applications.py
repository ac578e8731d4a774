"""Names the application files that were measured."""

from harness.model import Application, Summary
from harness.report.wording import listed

DIGITS = 12  # of a hash: enough to tell versions of a file apart


def application_lines(summary: Summary) -> list[str]:
    """`app/main.py of barehop itself (app.main:app, SHA-256 9a08edb08bff)`, with arms where there are several files."""
    several = len(summary.applications) > 1
    return [f"{_line(one)}{f' for {listed(one.arms)}' if several else ''}" for one in summary.applications]


def application_note(summary: Summary) -> str:
    """The same as a sentence; empty where nothing is known."""
    lines = application_lines(summary)
    return f"Application: {'; '.join(lines)}." if lines else ""


def _line(application: Application) -> str:
    place = f"in {application.directory}" if application.directory else "of barehop itself"
    if not application.file:
        return f"{application.app} {place} (its file is not known)"
    return f"{application.file} {place} ({application.app}, SHA-256 {application.sha256[:DIGITS]})"
