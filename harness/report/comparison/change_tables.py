"""Lays out how effects changed from run to run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from harness.analysis.across.changes import Change
from harness.analysis.effects import Pair
from harness.model import Comparison, Summary
from harness.report.page import grid
from harness.report.sheet import ABSENT
from harness.report.tables import STYLES
from harness.report.wording import Estimate, decimals, percent_of, signed

UNBOUNDED = 1000


@dataclass(frozen=True, slots=True)
class ChangeTable:
    """A group of lines for each pair: its effect in each run, and the change from run 1; `changes` are of one metric.

    Intervals stand beside their values where the room suffices, else below.
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
        """A run that could have stopped earlier has wider intervals."""
        effects = [each for run in self.runs for each in run.comparisons if each.metric == self.changes[0].metric]
        levels = {f"{100 * each.confidence:.3g} % interval" for each in effects}
        return levels.pop() if len(levels) == 1 else "interval"

    def _rows(self, pair: Pair, gap: str) -> Iterator[tuple[Text | str, ...]]:
        changes = {change.run: change for change in self.changes if (change.arm, change.against) == pair}
        for run, summary in enumerate(self.runs, start=1):
            effect = self._effect(summary, pair)
            yield (f"  run {run}", _cell(effect, gap) if effect else ABSENT, *_change(changes.get(run), gap))

    def _effect(self, summary: Summary, pair: Pair) -> Comparison | None:
        wanted = (*pair, self.changes[0].metric)
        return next((each for each in summary.comparisons if (each.arm, each.against, each.metric) == wanted), None)


def _change(change: Change | None, gap: str) -> tuple[str, Text | str]:
    if change is None:
        return "", ""
    verdict = change.verdict or "none"
    return _cell(change, gap), Text(verdict, style=STYLES[verdict])


def _cell(comparison: Comparison, gap: str) -> str:
    seen = percent_of(comparison)
    return _difference(seen, gap) if seen else ABSENT


def _difference(seen: Estimate, gap: str) -> str:
    value, low, high = (signed(x, decimals(seen.half_width, 1)) for x in (seen.value, seen.low, seen.high))
    return f"{value} %{gap}({low} to {high})"
