"""Optional sections of a report, in the order that every format uses."""

from harness.model import Design, Summary
from harness.report.sections.factorial import factor_sections
from harness.report.sections.failures import failure_sections, throttling_sections
from harness.report.sections.imported import imported_sections
from harness.report.sections.ladder import ladder_sections
from harness.report.sections.load import load_sections, tail_sections
from harness.report.sections.screening import screen_sections
from harness.report.table import TextSection


def optional_sections(summary: Summary, design: Design | None) -> list[TextSection]:
    """Return the sections that have content."""
    return [
        *failure_sections(summary),
        *load_sections(summary),
        *ladder_sections(summary, design),
        *screen_sections(summary, design),
        *factor_sections(summary, design),
        *throttling_sections(summary),
        *tail_sections(summary),
        *imported_sections(summary),
    ]
