"""Optional sections of a report, in the order that every format uses."""

from harness.model import Design, Summary
from harness.report.factors.screen import screen_sections
from harness.report.factors.sections import factor_sections
from harness.report.failed import failure_sections
from harness.report.foreign import foreign_sections
from harness.report.ladder.sections import ladder_sections
from harness.report.load import load_sections
from harness.report.sheet import Section
from harness.report.tails import tail_sections
from harness.report.throttling import throttling_sections


def sections_of(summary: Summary, design: Design | None, *, beyond_p90: bool = False) -> list[Section]:
    """Return the sections that have content. `beyond_p90`: leave out tails that show p90 only."""
    return [
        *failure_sections(summary),
        *load_sections(summary),
        *ladder_sections(summary, design),
        *screen_sections(summary, design),
        *factor_sections(summary, design),
        *throttling_sections(summary),
        *tail_sections(summary, beyond_p90=beyond_p90),
        *foreign_sections(summary),
    ]
