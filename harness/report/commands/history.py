"""The report of `barehop history`: what changed, the trend of each contrast, and a line for each run."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from harness.analysis.between_runs.history import History, HistoryRun, RunContrast, Trend
from harness.analysis.statistics.change_points import METHOD
from harness.report.cells import PERCENT
from harness.report.document import (
    Cell,
    Column,
    Facets,
    Figure,
    Filter,
    IntervalCell,
    NumberCell,
    Report,
    Row,
    Section,
    Table,
    TextCell,
)
from harness.report.figures.trends import contrast_of, trend_figure
from harness.report.format import amount_interval, anchor_words, format_minute, format_percent, pluralize, verdict_word
from harness.report.select import NUMBERS_HEADING, SCREEN_HEADING

MAX_LISTED = 2  # contrasts in the headline of a run
MOST_OPEN_FIGURES = 12  # of more, each experiment's are folded
DATE_LETTERS = 10
MAX_LEFT_OUT = 5
ID_DIGITS = 8  # of an id that the table shows
YES_NO = {True: "yes", False: "no"}

Group = tuple[str, str]  # experiment and host
Series = tuple[str, str, str, str]  # experiment, host, contrast and metric, of which there is one trend


def history_report(history: History, start: str = "") -> Report:
    """Return the report; links to the reports of runs are relative to the directory `start`."""
    changed = [trend for trend in history.trends if trend.has_changed]
    groups = _groups(history)
    names = _figure_names(history)
    changes = [row for trend in changed for row in _change_rows(history, trend, start, names)]
    return Report(
        title=f"History of {history.directory}",
        question="",
        answer=[_answer(history, changed)],
        sections=[
            Section("Experiments", tables=[_group_table(history, groups)]),
            *([Section("Changes", tables=[_change_table(changes)])] if changes else []),
            *_trend_sections(history, groups, start, names),
            Section("Runs", tables=[_run_table(history, start)], notes=list(_notes(history))),
        ],
        filters=_filters(history) if len(history.runs) > 1 else (),
    )


def _filters(history: History) -> list[Filter]:
    """Return the filters: an experiment or a host only where there are several."""
    choices = {name: sorted({getattr(run, name) for run in history.runs}) for name in ("experiment", "host")}
    return [
        *(Filter(name, name, choices=values) for name, values in choices.items() if len(values) > 1),
        Filter("changed", "changed only", "checkbox"),
        Filter("valid", "valid only", "checkbox"),
        Filter("reliable", "reliable only", "checkbox"),
        Filter("from", "from", "date"),
        Filter("to", "to", "date"),
    ]


def _facets(runs: Sequence[HistoryRun], *, is_changed: bool) -> Facets:
    """Return the facets of runs of one group in the order of their time; a period that overlaps theirs matches."""
    return {
        "experiment": runs[0].experiment,
        "host": runs[0].host,
        "changed": YES_NO[is_changed],
        "from": runs[-1].started_utc[:DATE_LETTERS],
        "to": runs[0].started_utc[:DATE_LETTERS],
    }


def _groups(history: History) -> dict[Group, list[HistoryRun]]:
    groups: dict[Group, list[HistoryRun]] = {}
    for run in history.runs:
        groups.setdefault((run.experiment, run.host), []).append(run)
    return groups


def _answer(history: History, changed: Sequence[Trend]) -> str:
    trends, changes = (sum(not trend.is_control for trend in some) for some in (history.trends, changed))
    hosts = list(dict.fromkeys(run.host for run in history.runs))
    where = hosts[0] if len(hosts) == 1 else pluralize(len(hosts), "host")
    names = {run.experiment for run in history.runs}
    runs = f"{pluralize(len(history.runs), 'run')} of {pluralize(len(names), 'experiment')} on {where}"
    if not trends:
        return f"{runs}. No contrast was measured twice on one host, so there is no trend."
    return f"{runs}. {changes or 'None'} of {pluralize(trends, 'contrast')} changed."


def _heading(group: Group) -> str:
    return f"{group[0]} on {group[1]}"


def _group_table(history: History, groups: dict[Group, list[HistoryRun]]) -> Table:
    """Return a row for each experiment and host, which leads to its trends."""
    rows = []
    for group, runs in groups.items():
        trends = _trends_of(history, group)
        changes = sum(len(trend.levels) - 1 for trend in trends)
        link = f"#{anchor_words(_heading(group))}" if trends else ""
        cells: list[Cell] = [
            TextCell(group[0], link=link),
            TextCell(group[1], link=link),
            NumberCell(str(len(runs))),
            NumberCell(str(sum(not run.valid for run in runs))),
            NumberCell(str(sum(run.valid and not run.reliable for run in runs))),
            NumberCell(str(changes) if trends else ""),
        ]
        rows.append(Row(cells, facets=_facets(runs, is_changed=changes > 0)))
    columns = ("experiment", "host", "runs", "not valid", "not reliable", "changes")
    return Table("", list(map(Column, columns)), rows)


def _trends_of(history: History, group: Group) -> list[Trend]:
    trends = [trend for trend in history.trends if (trend.experiment, trend.host) == group]
    return sorted(trends, key=lambda trend: trend.is_control)


def _series(trend: Trend) -> Series:
    return trend.experiment, trend.host, trend.label, trend.metric


def _figure_names(history: History) -> dict[Series, str]:
    """Return the name of each trend's figure, which links contain; a number tells equal ones apart."""
    names: dict[Series, str] = {}
    numbers: Counter[str] = Counter()
    for trend in history.trends:
        words = anchor_words(" ".join(("trend", *_series(trend))))
        numbers[words] += 1
        names[_series(trend)] = words if numbers[words] == 1 else f"{words}-{numbers[words]}"
    return names


def _trend_sections(
    history: History, groups: dict[Group, list[HistoryRun]], start: str, names: Mapping[Series, str]
) -> Iterator[Section]:
    is_detail = len(history.trends) > MOST_OPEN_FIGURES
    for group in groups:
        figures = [_figure(history, trend, start, names[_series(trend)]) for trend in _trends_of(history, group)]
        if figures:
            yield Section(_heading(group), figures=figures, is_detail=is_detail)


def _figure(history: History, trend: Trend, start: str, name: str) -> Figure:
    runs = [history.runs[place] for place in trend.runs]
    links = [
        _row_link(run, contrast_of(history, trend, place), start) for run, place in zip(runs, trend.runs, strict=True)
    ]
    return trend_figure(history, trend, name, links, _facets(runs, is_changed=trend.has_changed))


def _change_rows(history: History, trend: Trend, start: str, names: Mapping[Series, str]) -> Iterator[Row]:
    """Yield a row for each change: from which level to which, with which run, and whether with another kernel."""
    control = "the A/A control, " if trend.is_control else ""
    name = TextCell(trend.label, f"{control}{_heading((trend.experiment, trend.host))}", f"#{names[_series(trend)]}")
    for level, before in zip(trend.levels[1:], trend.levels, strict=False):
        place = trend.runs[level.first]
        run, last = history.runs[place], history.runs[trend.runs[before.last]]
        kernel = f"kernel {run.kernel} after {last.kernel}" if run.kernel != last.kernel else ""
        when = TextCell(
            format_minute(run.started_utc), kernel, _row_link(run, contrast_of(history, trend, place), start)
        )
        levels = (IntervalCell(percent, PERCENT, 1) for percent in (before.percent, level.percent))
        yield Row([name, when, *levels], facets=_facets([run], is_changed=True))


def _change_table(rows: Sequence[Row]) -> Table:
    columns = ("contrast", ""), ("changed at (UTC)", ""), ("before", "95 % interval"), ("after", "95 % interval")
    return Table("", [Column(*column) for column in columns], rows)


def _report_link(run: HistoryRun, start: str) -> str:
    return quote(f"{os.path.relpath(run.directory, start or '.')}/report.html")


def _row_link(run: HistoryRun, contrast: RunContrast, start: str) -> str:
    """Return the link to the row of a contrast in the report of the run."""
    heading = SCREEN_HEADING if contrast.is_main_effect else NUMBERS_HEADING
    return f"{_report_link(run, start)}#{anchor_words(f'{heading} {contrast.arm}')}"


def _run_table(history: History, start: str) -> Table:
    """Return a line for each run; the host is left out where there is only one."""
    has_hosts = len({run.host for run in history.runs}) > 1
    columns = [
        Column("when (UTC)"),
        Column("experiment", cut="middle"),
        *([Column("host", cut="middle")] if has_hosts else []),
        Column("headline", cut="list"),
        *map(Column, ("reliable", "id")),
    ]
    changed = {trend.runs[level.first] for trend in history.trends for level in trend.levels[1:]}
    rows = []
    for place, run in enumerate(history.runs):
        contrasts = _main_contrasts(run)
        link = _row_link(run, contrasts[0], start) if contrasts else ""
        cells = [
            TextCell(format_minute(run.started_utc), link=_report_link(run, start)),
            *map(TextCell, [run.experiment, *([run.host] if has_hosts else [])]),
            TextCell(headline(run), link=link),
            *map(TextCell, [reliability_word(run), run.id[:ID_DIGITS]]),
        ]
        standing = {"valid": YES_NO[run.valid], "reliable": YES_NO[run.reliable]}
        rows.append(Row(cells, facets={**_facets([run], is_changed=place in changed), **standing}))
    return Table("", columns, rows)


def reliability_word(run: HistoryRun) -> str:
    """Return whether the report of the run begins with a warning: `yes`, `no` or `not valid`."""
    return YES_NO[run.reliable] if run.valid else "not valid"


def headline(run: HistoryRun) -> str:
    """Return the contrasts of a run in brief: `uds-tmpfs -9.1 %`; of many, their number by verdict."""
    contrasts = _main_contrasts(run)
    if len(contrasts) <= MAX_LISTED:
        return ", ".join(map(_brief, contrasts)) or "no comparison"
    verdicts = [verdict_word(contrast.verdict or "no verdict", contrast.metric) for contrast in contrasts]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))


def _main_contrasts(run: HistoryRun) -> list[RunContrast]:
    return [contrast for contrast in run.contrasts if not contrast.is_control]


def _brief(contrast: RunContrast) -> str:
    interval = amount_interval(contrast.percent)
    if interval and contrast.verdict in ("faster", "slower"):
        return f"{contrast.arm} {format_percent(interval)}"
    return f"{contrast.arm} {contrast.verdict or 'no verdict'}"


def _notes(history: History) -> Iterator[str]:
    if history.trends:
        yield METHOD
    yield from history.left_out[:MAX_LEFT_OUT]
    if len(history.left_out) > MAX_LEFT_OUT:
        yield f"{len(history.left_out) - MAX_LEFT_OUT} more directories are left out."
