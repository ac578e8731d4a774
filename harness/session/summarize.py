"""Summarize a results directory and write its reports; all of these can be deleted and made again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from harness.analysis.arm_summaries import application_files
from harness.analysis.between_runs.changes import RunData
from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.contrasts.tails import percentile_series
from harness.analysis.doubts import out_of_time_doubts
from harness.analysis.needed_budget import needed_budget
from harness.analysis.plot_data import plot_data
from harness.analysis.statistics.series import SessionData
from harness.analysis.summary import run_summary
from harness.analysis.why.explain import add_causes
from harness.analysis.why.flame import flame_graphs
from harness.analysis.why.profile import profile_comparisons, profile_gaps
from harness.analysis.why.waiting import waiting_results
from harness.errors import ConfigError, raise_if_any
from harness.model import FloorResults, ImportedRun, Plan, Record, Summary
from harness.model.record import HostFacts
from harness.report.export.folded import folded_stacks
from harness.report.export.hdr_log import hdr_logs
from harness.report.export.pyperf_file import has_values, render_pyperf
from harness.store.identity import content_id
from harness.store.store import Store, open_store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunResults:
    """The content of a results directory, each file read once, and its summary."""

    store: Store
    plan: Plan
    sessions: Sequence[SessionData]
    host: HostFacts
    floor: FloorResults | None
    summary: Summary

    @property
    def records(self) -> list[Record]:
        """Return the records of the sessions."""
        return [session.record for session in self.sessions]


def read_results(directory: Path, foreign: Sequence[ImportedRun] = ()) -> RunResults:
    """Read and summarize a results directory, beside imported results `foreign`. Raises ConfigError."""
    store = open_store(directory)
    plan = store.read_plan()
    sessions = read_sessions(store, plan)
    if not sessions:
        raise ConfigError(f"{directory} holds no finished session yet. Continue it with barehop run --resume.")
    beside = tuple(replace(run, latency_us=()) for run in foreign)
    results = summarize(store, plan, sessions)
    return replace(results, summary=results.summary.model_copy(update={"foreign": beside}))


def read_directories(read: Callable[[Path], T], directories: Sequence[Path]) -> list[T]:
    """Return `read` of each directory. Raises one ConfigError with the problems of all of them."""
    results: list[T] = []
    problems: list[str] = []
    for directory in directories:
        try:
            results.append(read(directory))
        except ConfigError as problem:
            problems.append(str(problem))
    raise_if_any(problems, ConfigError)
    return results


def read_run(directory: Path) -> RunData:
    """Return the data of a run for comparison with other runs. Raises ConfigError."""
    results = read_results(directory)
    return RunData(
        plan=results.plan,
        summary=results.summary,
        records=results.records,
        host=results.host,
        percentiles_us=percentile_series(_evidence(results.plan, results.sessions)),
    )


def read_sessions(store: Store, plan: Plan) -> list[SessionData]:
    """Return the finished sessions. Raises ConfigError that names all damaged ones and those of another run."""
    return [SessionData(*stored) for stored in store.read_sessions(plan)]


def check_results(store: Store, plan: Plan) -> list[SessionData]:
    """Return the finished sessions. Raises ConfigError unless everything in the store can be read and summarized."""
    sessions = read_sessions(store, plan)
    if sessions:
        summarize(store, plan, sessions)
    else:
        store.read_calibration()
        store.read_floor()
    return sessions


def summarize(store: Store, plan: Plan, sessions: Sequence[SessionData]) -> RunResults:
    """Return the results of a run whose `sessions` are at hand. Raises ConfigError."""
    host, floor = store.read_host(), store.read_floor()
    verdicts = run_summary(
        plan.experiment,
        sessions,
        directory=str(store.directory),
        schedule=plan.actual_schedule,
        seconds_total=sum(session.record.seconds["total"] for session in sessions),
    )
    verdicts = verdicts.model_copy(update={"doubts": (*out_of_time_doubts(plan), *verdicts.doubts)})
    context = {
        "id": content_id(store.directory),
        "overrides": plan.overrides,
        "allow_global": plan.allow_global,
        "served_from": plan.served_from,
        "schedule": plan.actual_schedule,
        "pilot": plan.pilot,
        "calibration": store.read_calibration(),
        "applications": application_files(host),
    }
    explained = add_causes(verdicts, plan.experiment, [session.record for session in sessions], floor)
    evidence = _evidence(plan, sessions)
    chains, waiting = waiting_results(evidence)
    profiles = {
        "chains": chains,
        "waiting": waiting,
        "profiles": profile_comparisons(evidence),
        "unseen": (*explained.unseen, *profile_gaps(sessions)),
    }
    summary = explained.model_copy(update=context | profiles)
    summary = summary.model_copy(update={"needed": needed_budget(plan.experiment, summary)})
    return RunResults(store, plan, sessions, host, floor, summary)


def _evidence(plan: Plan, sessions: Sequence[SessionData]) -> RunEvidence:
    return RunEvidence(plan.experiment, sessions, plan.actual_schedule.looks)


def write_reports(results: RunResults) -> Path:
    """Write summary.json, report.html, pyperf.json, hdr/ of arms with a rate, profile/; return the path of the page."""
    store, plan = results.store, results.plan
    store.write_json("summary.json", results.summary)
    store.write_text("report.html", html_report(results))
    for name, text in hdr_logs(plan.experiment, results.sessions):
        store.write_text(name, text)
    for name, text in folded_stacks(results.sessions):
        store.write_text(name, text)
    if has_values(plan, results.records):
        store.write_text("pyperf.json", render_pyperf(plan, results.records, results.host, results.summary.id))
    return store.directory / "report.html"


def html_report(results: RunResults) -> str:
    """Return the text of report.html."""
    from harness.report.html.page import render_page  # jinja2 is loaded only for a page
    from harness.report.run_report import report_of
    from harness.report.sections.background import PageData

    plots = plot_data(results.plan.experiment, results.sessions)
    flames = flame_graphs(_evidence(results.plan, results.sessions))
    page = PageData(results.plan, results.host, plots, flames)
    return render_page(report_of(results.summary, results.plan.experiment.design, page=page))
