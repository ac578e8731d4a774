"""What README shows of published results: pictures and sentences, each in a block of its own."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape

from harness.model import Ladder
from harness.report.answer import grouped_answer, summary_answer
from harness.report.document import Figure
from harness.report.format import join_with_and, us_text
from harness.report.run_report import report_of
from harness.report.sections.background import machine_facts
from harness.report.select import known_values, largest_bundle, main_comparisons
from harness.report.text.markdown import escape_markdown
from harness.report.text.terminal import render_terminal
from scripts.precision_study.headline.page import fill_readme as fill_headline
from scripts.precision_study.table import answer as precision_answer
from scripts.publication.pages import CHECKOUT, PUBLISHED
from scripts.publication.pictures import file_name, readme_figures
from scripts.publication.results import Results
from scripts.readme_blocks import fill_block, wrap

PICTURES = PUBLISHED / "pictures"
SCREEN_WIDTH = 100  # columns of the terminal whose output is shown
KIND = ("System", "CPUs", "Virtual")  # describes the kind of machine, not the individual one


def fill_readme(readme: str, results: Results) -> str:
    """Return the README with the published numbers. Raises ConfigError if it lacks the place of one."""
    forest, methods, ladder = map(_picture, readme_figures(results))
    blocks = {
        "screen": f"```text\n{_screen(results)}\n```",
        "forest": f"{forest}\n\n{wrap(_machine(results))}",
        "methods": f"{methods}\n\n{wrap(' '.join(precision_answer(results.precision.rows)))}",
        "ladder": f"{ladder}\n\n{wrap(escape_markdown(summary_answer(results.ladder, None)))}",
        "code": wrap(escape_markdown(results.code)),
        "write-up": "\n".join(wrap(f"- {sentence}", "  ") for sentence in _write_up(results)),
    }
    for name, text in blocks.items():
        readme = fill_block(readme, name, text)
    return fill_headline(readme, results.headline)


def _picture(figure: Figure) -> str:
    """Return the figure for light and dark pages, as GitHub chooses between them."""
    light, dark = (
        str((PICTURES / file_name(figure.name, scheme)).relative_to(CHECKOUT)) for scheme in ("light", "dark")
    )
    return "\n".join(
        [
            "<picture>",
            f'  <source media="(prefers-color-scheme: dark)" srcset="{dark}">',
            wrap(f'  <img src="{light}" alt="{escape(figure.alt)}">', "    "),
            "</picture>",
        ]
    )


def _screen(results: Results) -> str:
    """Return what the terminal shows at the end of the run, without the paths."""
    report = report_of(results.baseline, results.design)
    overview = replace(report.overview, places=()) if report.overview else None
    return render_terminal(replace(report, overview=overview), width=SCREEN_WIDTH, details=False).strip()


def _machine(results: Results) -> str:
    facts = [f"{name}: {text}" for name, text in machine_facts(results.host) if name in KIND]
    return f"Measured on {results.date}. {'; '.join(facts)}."


def _write_up(results: Results) -> Iterator[str]:
    """Yield what holds without containers, what a container adds, and what single runs are worth."""
    differences = grouped_answer(main_comparisons(results.baseline), None)
    yield f"Without containers: {differences[0].lower()}{differences[1:]}"
    if additions := list(_additions(results.ladder.ladders)):
        yield f"A container would add {join_with_and(additions)}."
    claims = [claim for claim in results.validation.claims if claim.where.startswith("fargate")]
    losses, chances = (claim.percent for claim in claims), (100 * claim.chance for claim in claims if claim.chance)
    yield (
        f"On Fargate it found sockets slower by {_range(losses, '.1f')} %, from one run each. "
        f"Here, {_range(chances, '.0f')} of 100 pairs of such runs of one arm differ by more."
    )


def _additions(ladders: Sequence[Ladder]) -> Iterator[str]:
    """Yield `+68.0 us (+66.1 to +69.9) over tcp` for each ladder with several rungs at once."""
    for ladder in ladders:
        if bundle := largest_bundle(ladder):
            yield f"{us_text(bundle.measured)} over {ladder.transport}"


def _range(values: Iterable[float | None], form: str) -> str:
    known = known_values(values)
    return f"{min(known):{form}} to {max(known):{form}}"
