"""The sections of a run's report after its numbers, in the order that every format uses."""

from dataclasses import replace
from itertools import count

from harness.model import Design, Summary
from harness.report.document import Figure, Section
from harness.report.figures.distributions import half_normal_figure, load_figure
from harness.report.figures.waterfalls import ladder_figure
from harness.report.sections.factorial import factor_sections
from harness.report.sections.failures import failure_sections, throttling_sections
from harness.report.sections.imported import imported_sections, seed_sections
from harness.report.sections.ladder import ladder_sections
from harness.report.sections.load import load_sections, tail_sections
from harness.report.sections.other_contrasts import other_contrast_sections
from harness.report.sections.screening import screen_sections
from harness.report.sections.why import why_sections


def run_sections(summary: Summary, design: Design | None) -> list[Section]:
    """Return the sections that have content."""
    return [
        *failure_sections(summary),
        *_with_figures(load_sections(summary), load_figure(summary)),
        *_with_figures(ladder_sections(summary, design), *map(ladder_figure, summary.ladders, count())),
        *_with_figures(screen_sections(summary, design), half_normal_figure(summary)),
        *factor_sections(summary, design),
        *throttling_sections(summary),
        *tail_sections(summary),
        *other_contrast_sections(summary, design),
        *imported_sections(summary),
        *why_sections(summary),
        *seed_sections(summary),
    ]


def _with_figures(sections: list[Section], *figures: Figure | None) -> list[Section]:
    """Return the sections, the first with those figures that there are."""
    drawn = [figure for figure in figures if figure]
    return [replace(sections[0], figures=drawn), *sections[1:]] if sections else []
