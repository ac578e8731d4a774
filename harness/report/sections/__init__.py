"""The sections of a run's report: the table of arms (arm_table.py), then the others in the order of every format."""

from collections.abc import Iterator, Sequence

from harness.analysis.why.flame import FlameGraph
from harness.model import Design, Summary
from harness.report.document import Section
from harness.report.figures.distributions import half_normal_figure, load_figure
from harness.report.figures.waterfalls import ladder_figure
from harness.report.sections.factorial import factor_sections
from harness.report.sections.failures import failure_sections, throttling_sections
from harness.report.sections.imported import imported_sections, seed_sections
from harness.report.sections.ladder import ladder_sections
from harness.report.sections.load import load_sections, tail_sections
from harness.report.sections.other_contrasts import other_contrast_sections
from harness.report.sections.own_counters import own_counter_sections
from harness.report.sections.profile import profile_sections
from harness.report.sections.screening import screen_sections
from harness.report.sections.waiting import waiting_sections
from harness.report.sections.why import why_sections


def run_sections(summary: Summary, design: Design | None, flames: Sequence[FlameGraph] = ()) -> list[Section]:
    """Return the sections that have content; `flames` are for pages."""
    return [
        *failure_sections(summary),
        *_figure_sections(summary),
        *load_sections(summary),
        *ladder_sections(summary, design),
        *screen_sections(summary, design),
        *factor_sections(summary, design),
        *throttling_sections(summary),
        *tail_sections(summary),
        *other_contrast_sections(summary, design),
        *imported_sections(summary),
        *why_sections(summary),
        *own_counter_sections(summary),
        *profile_sections(summary, flames),
        *waiting_sections(summary),
        *seed_sections(summary),
    ]


def _figure_sections(summary: Summary) -> Iterator[Section]:
    """Yield sections with only a figure."""
    for heading, figures in (
        ("Latency against load", [load_figure(summary)]),
        ("Significant effects", [half_normal_figure(summary)]),
        ("Rung by rung", [ladder_figure(ladder, number) for number, ladder in enumerate(summary.ladders)]),
    ):
        drawn = [figure for figure in figures if figure]
        if drawn:
            yield Section(heading, figures=drawn)
