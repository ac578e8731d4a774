"""Tables of effects in each run, and of their changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from harness.analysis.across.changes import Change
from harness.analysis.effects import Pair
from harness.model import Comparison, Summary
from harness.report.page import grid
from harness.report.sheet import ABSENT, verdict_text
from harness.report.tables import STYLES
from harness.report.wording import difference, percent_of

UNBOUNDED = 1000


@dataclass(frozen=True, slots=True)
class ChangeTable:
    """A group of lines per pair: its effect in each run and the change from run 1. `changes` are of one metric.

    Intervals stand beside their values or, where the table is too wide, below.
    """

    runs: Sequence[Summary]
    changes: Sequence[Change]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = self._table(" ")
        needed = console.measure(wide, options=options.update(width=UNBOUNDED)).maximum
        yield wide if needed <= options.max_width else self._table("\n")

    def _table(self, gap: str) -> Table:
        table = grid()
        table.add_column("", overflow="fold")
        table.add_column(f"effect\n{self._interval()}", justify="right", no_wrap=True)
        table.add_column("change from run 1\n95 % interval", justify="right", no_wrap=True)
        table.add_column("verdict")
        for pair in dict.fromkeys((change.arm, change.against) for change in self.changes):
            table.add_row(Text(pair[0], style="bold"), Text(f"against {pair[1]}", style="dim"))
            for row in self._rows(pair, gap):
                table.add_row(*row)
            table.add_section()
        return table

    def _interval(self) -> str:
        """Return the confidence level of the intervals if all runs share it."""
        effects = [
            comparison
            for run in self.runs
            for comparison in run.comparisons
            if comparison.metric == self.changes[0].metric
        ]
        levels = {f"{100 * comparison.confidence:.3g} % interval" for comparison in effects}
        return levels.pop() if len(levels) == 1 else "interval"

    def _rows(self, pair: Pair, gap: str) -> Iterator[tuple[Text | str, ...]]:
        changes = {change.run: change for change in self.changes if (change.arm, change.against) == pair}
        for run, summary in enumerate(self.runs, start=1):
            effect = self._effect(summary, pair)
            yield (
                f"  run {run}",
                _effect_text(effect, gap) if effect else ABSENT,
                *_change_cells(changes.get(run), gap),
            )

    def _effect(self, summary: Summary, pair: Pair) -> Comparison | None:
        wanted = (*pair, self.changes[0].metric)
        return next(
            (
                comparison
                for comparison in summary.comparisons
                if (comparison.arm, comparison.against, comparison.metric) == wanted
            ),
            None,
        )


def _change_cells(change: Change | None, gap: str) -> tuple[str, Text | str]:
    if change is None:
        return "", ""
    verdict = verdict_text(change.verdict, starred=False)
    return _effect_text(change, gap), Text(verdict, style=STYLES[verdict])


def _effect_text(comparison: Comparison, gap: str) -> str:
    interval = percent_of(comparison)
    return difference(interval, named=False).replace(" (", f"{gap}(") if interval else ABSENT
