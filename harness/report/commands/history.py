"""The report of `barehop history`: a line for each run, and the trend of each contrast with its changes."""

import os
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from harness.analysis.between_runs.history import History, HistoryRun, RunContrast, Trend
from harness.analysis.statistics.change_points import METHOD
from harness.report.document import Cell, Column, NumberCell, Report, Row, Section, Table, TextCell
from harness.report.figures.trends import level_texts, trend_figure
from harness.report.format import amount_interval, anchor_words, format_percent, pluralize, verdict_word

MAX_LISTED = 2  # contrasts in the headline of a run
MINUTE_LETTERS = 16
MAX_LEFT_OUT = 5
ID_DIGITS = 8  # of an id that the table shows

Group = tuple[str, str]  # experiment and host


def history_report(history: History, start: str = "") -> Report:
    """Return the report; links to the reports of runs are relative to the directory `start`."""
    changed = [trend for trend in history.trends if trend.has_changed and not trend.is_control]
    groups = _groups(history)
    return Report(
        title=f"History of {history.directory}",
        question="",
        answer=[_answer(history, changed)],
        sections=[
            Section("Experiments", tables=[_group_table(history, groups)]),
            *_trend_sections(history, groups),
            Section("Runs", tables=[_run_table(history, start)], notes=list(_notes(history))),
        ],
    )


def _groups(history: History) -> dict[Group, list[HistoryRun]]:
    groups: dict[Group, list[HistoryRun]] = {}
    for run in history.runs:
        groups.setdefault((run.experiment, run.host), []).append(run)
    return groups


def _answer(history: History, changed: Sequence[Trend]) -> str:
    trends = sum(not trend.is_control for trend in history.trends)
    hosts = list(dict.fromkeys(run.host for run in history.runs))
    where = hosts[0] if len(hosts) == 1 else pluralize(len(hosts), "host")
    names = {run.experiment for run in history.runs}
    runs = f"{pluralize(len(history.runs), 'run')} of {pluralize(len(names), 'experiment')} on {where}"
    if not trends:
        return f"{runs}. No contrast was measured twice on one host, so there is no trend."
    if not changed:
        return f"{runs}. None of {pluralize(trends, 'contrast')} changed."
    return f"{runs}. {len(changed)} of {pluralize(trends, 'contrast')} changed."


def _heading(group: Group) -> str:
    return f"{group[0]} on {group[1]}"


def _group_table(history: History, groups: dict[Group, list[HistoryRun]]) -> Table:
    """Return a row for each experiment and host, which leads to its trends."""
    rows = []
    for group, runs in groups.items():
        trends = _trends_of(history, group)
        changes = sum(len(trend.levels) - 1 for trend in trends if not trend.is_control)
        link = f"#{anchor_words(_heading(group))}" if trends else ""
        cells: list[Cell] = [
            TextCell(group[0], link=link),
            TextCell(group[1], link=link),
            NumberCell(str(len(runs))),
            NumberCell(str(sum(not run.valid for run in runs))),
            NumberCell(str(changes) if trends else ""),
        ]
        rows.append(Row(cells))
    columns = ("experiment", "host", "runs", "not valid", "changes")
    return Table("", list(map(Column, columns)), rows)


def _trends_of(history: History, group: Group) -> list[Trend]:
    trends = [trend for trend in history.trends if (trend.experiment, trend.host) == group]
    return sorted(trends, key=lambda trend: trend.is_control)


def _trend_sections(history: History, groups: dict[Group, list[HistoryRun]]) -> Iterator[Section]:
    numbers = {(trend.experiment, trend.host, trend.label): place for place, trend in enumerate(history.trends)}
    for group in groups:
        trends = _trends_of(history, group)
        figures = [trend_figure(history, trend, numbers[*group, trend.label]) for trend in trends]
        sentences = [sentence for trend in trends for sentence in _change_sentences(history, trend)]
        if trends:
            yield Section(_heading(group), sentences, figures=figures)


def _change_sentences(history: History, trend: Trend) -> Iterator[str]:
    """Yield a sentence for each change: when, from which level to which, and what else changed with that run."""
    texts = level_texts(trend)
    for place, level in enumerate(trend.levels[1:], start=1):
        run, before = history.runs[trend.runs[level.first]], history.runs[trend.runs[level.first - 1]]
        kernel = f", with kernel {run.kernel} after {before.kernel}" if run.kernel != before.kernel else ""
        control = "The A/A control: " if trend.is_control else ""
        levels = f"from {texts[place - 1]} to {texts[place]}"
        yield f"{control}{trend.label} changed at the run of {_when(run)}{kernel}: {levels}."


def _when(run: HistoryRun) -> str:
    return run.started_utc[:MINUTE_LETTERS].replace("T", " ")


def _run_table(history: History, start: str) -> Table:
    """Return a line for each run; the host is left out where there is only one."""
    has_hosts = len({run.host for run in history.runs}) > 1
    columns = ["when (UTC)", "experiment", *(["host"] if has_hosts else []), "headline", "valid", "id"]
    rows = []
    for run in history.runs:
        link = quote(f"{os.path.relpath(run.directory, start or '.')}/report.html")
        hosts = [run.host] if has_hosts else []
        texts = [run.experiment, *hosts, headline(run), "yes" if run.valid else "no", run.id[:ID_DIGITS]]
        rows.append(Row([TextCell(_when(run), link=link), *map(TextCell, texts)]))
    return Table("", list(map(Column, columns)), rows)


def headline(run: HistoryRun) -> str:
    """Return the contrasts of a run in brief: `uds-tmpfs -9.1 %`; of many, their number by verdict."""
    contrasts = [contrast for contrast in run.contrasts if not contrast.is_control]
    if len(contrasts) <= MAX_LISTED:
        return ", ".join(map(_brief, contrasts)) or "no comparison"
    verdicts = [verdict_word(contrast.verdict or "no verdict", contrast.metric) for contrast in contrasts]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))


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
