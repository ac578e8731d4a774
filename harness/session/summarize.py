"""Summarize a results directory and write its reports; all of these can be deleted and made again."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from harness.analysis.arms import application_files
from harness.analysis.between_runs.changes import RunData
from harness.analysis.doubts import out_of_time_doubts
from harness.analysis.plot_data import plot_data
from harness.analysis.prescription import needed_budget
from harness.analysis.statistics.series import SessionData
from harness.analysis.summary import summarise
from harness.analysis.why.explain import add_causes
from harness.errors import ConfigError, raise_all
from harness.model import ImportedRun, Plan, Summary
from harness.report.export.hdr_log import hdr_logs
from harness.report.export.pyperf_file import has_values, render_pyperf
from harness.store.integrity import read_finished_sessions
from harness.store.store import Store, open_store

T = TypeVar("T")


def read_summary(directory: Path, foreign: Sequence[ImportedRun] = ()) -> tuple[Summary, Plan]:
    """Return summary and plan of a results directory, with imported results `foreign`. Raises ConfigError."""
    store = open_store(directory)
    plan = store.read_plan()
    sessions = read_sessions(store, plan)
    if not sessions:
        raise ConfigError(f"{directory} holds no finished session yet. Continue it with barehop run --resume.")
    beside = tuple(replace(run, latency_us=()) for run in foreign)
    return run_summary(store, plan, sessions).model_copy(update={"foreign": beside}), plan


def read_directories(read: Callable[[Path], T], directories: Sequence[Path]) -> list[T]:
    """Return `read` of each directory. Raises one ConfigError with the problems of all of them."""
    results: list[T] = []
    problems: list[str] = []
    for directory in directories:
        try:
            results.append(read(directory))
        except ConfigError as problem:
            problems.append(str(problem))
    raise_all(problems, ConfigError)
    return results


def read_run(directory: Path) -> RunData:
    """Return the data of a run for comparison with other runs. Raises ConfigError."""
    summary, plan = read_summary(directory)
    store = open_store(directory)
    records = [store.read_record(number) for number in store.session_numbers()]
    return RunData(plan=plan, summary=summary, records=records, host=store.read_host())


def check_results(store: Store) -> None:
    """Raise ConfigError unless everything in the store can be read and summarized."""
    plan = store.read_plan()
    store.read_host()
    store.read_calibration()
    store.read_floor()
    if sessions := read_sessions(store, plan):
        run_summary(store, plan, sessions)


def read_sessions(store: Store, plan: Plan) -> list[SessionData]:
    """Return the finished sessions. Raises ConfigError that names all damaged ones and those of another run."""
    return [SessionData(record, requests) for record, requests in read_finished_sessions(store, plan)]


def run_summary(store: Store, plan: Plan, sessions: Sequence[SessionData]) -> Summary:
    """Return the complete summary of a run."""
    records = [session.record for session in sessions]
    verdicts = verdict_summary(store, plan, sessions)
    explained = add_causes(verdicts, plan.experiment, records, store.read_floor())
    summary = explained.model_copy(
        update={
            "overrides": plan.overrides,
            "allow_global": plan.allow_global,
            "schedule": plan.actual_schedule,
            "pilot": plan.pilot,
            "calibration": store.read_calibration(),
            "applications": application_files(store.read_host()),
        }
    )
    return summary.model_copy(update={"needed": needed_budget(plan.experiment, summary)})


def verdict_summary(store: Store, plan: Plan, sessions: Sequence[SessionData]) -> Summary:
    """Return the summary without causes and context: enough to decide whether a run continues."""
    summary = summarise(
        plan.experiment,
        sessions,
        directory=str(store.directory),
        schedule=plan.actual_schedule,
        seconds_total=sum(session.record.seconds["total"] for session in sessions),
    )
    return summary.model_copy(update={"doubts": (*out_of_time_doubts(plan), *summary.doubts)})


def write_reports(store: Store, plan: Plan, sessions: Sequence[SessionData], summary: Summary) -> None:
    """Write summary.json and report.html; pyperf.json if bursts have times; hdr/ if requests were sent at a rate."""
    store.write_json("summary.json", summary)
    store.write_text("report.html", html_report(store, plan, sessions, summary))
    for name, text in hdr_logs(plan.experiment, sessions):
        store.write_text(name, text)
    records = [session.record for session in sessions]
    if has_values(plan, records):
        store.write_text("pyperf.json", render_pyperf(plan, records, store.read_host()))


def rewrite_reports(directory: Path, foreign: Sequence[ImportedRun] = ()) -> Path:
    """Write all reports of a results directory again; return the path of report.html. Raises ConfigError."""
    summary, plan = read_summary(directory, foreign)
    store = open_store(directory)
    write_reports(store, plan, read_sessions(store, plan), summary)
    return store.directory / "report.html"


def write_html_report(directory: Path, file: Path, foreign: Sequence[ImportedRun] = ()) -> Path:
    """Write only report.html of a results directory, as `file`: the directory may be read-only."""
    summary, plan = read_summary(directory, foreign)
    store = open_store(directory)
    Store(file.parent).write_text(file.name, html_report(store, plan, read_sessions(store, plan), summary))
    return file


def html_report(store: Store, plan: Plan, sessions: Sequence[SessionData], summary: Summary) -> str:
    """Return the text of report.html."""
    from harness.report.html.document import render_html  # imports plotly, which is slow

    return render_html(summary, plan, store.read_host(), plot_data(plan.experiment, sessions))
