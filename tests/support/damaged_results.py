"""A small results directory that was really measured, and ways to damage it."""

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from harness.report.export.csv_file import render_csv
from harness.report.export.pyperf_file import has_values, render_pyperf
from harness.session.summarize import check_results, html_report, read_results, read_run
from harness.session.validate import validate_run
from harness.store.store import Store, open_store
from tests.support.run_reports import render_markdown, render_terminal
from tests.support.stored_sessions import read_record, read_requests

FIRST_FORMAT = Path(__file__).parents[1] / "data" / "results" / "first"  # no run id, no checksums
CALIBRATION: dict[str, Any] = {
    "format": 1,
    "aa": {"runs": 2, "alarms": 0, "percent_low": 0.0, "percent_high": 80.0},
    "spikes": [{"us": 20, "runs": 2, "covered": 2, "estimate_us": 20.1}],
    "swap": {"runs": 2, "flipped": 2},
    "floor_percent": 1.0,
    "floor_us": 4.0,
    "sessions_per_run": 8,
    "seconds_per_run": 9.0,
}
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, float("nan"), float("inf"), "", "x", "\0\n\u2028", [], [[]], {}, {"x": []},
)  # fmt: skip
Place = tuple[str | int, ...]


def old_run(directory: Path) -> Path:
    """A run as the first versions wrote it."""
    return Path(shutil.copytree(FIRST_FORMAT, directory))


def new_run(directory: Path) -> Path:
    """The same run with an id and checksums."""
    old, store = open_store(FIRST_FORMAT), Store(directory)
    store.write_plan(old.read_plan())
    store.write_json("host.json", old.read_host())
    store.write_text("experiment.toml", (FIRST_FORMAT / "experiment.toml").read_text())
    for number in old.session_numbers():
        record = read_record(old, number).model_copy(update={"run_id": store.read_plan().run_id})
        store.write_session(record, read_requests(old, number))
    return directory


def report_all(directory: Path) -> None:
    """Everything that reads a results directory, but for measuring."""
    results = read_results(directory)
    render_terminal(results.summary, results.plan.experiment.design, color=False)
    render_markdown(results.summary, results.plan.experiment.design)
    render_csv(results.summary)
    html_report(results)
    if has_values(results.plan, results.records):
        render_pyperf(results.plan, results.records, results.host)


def compare_with(other: Path) -> Callable[[Path], None]:
    from harness.analysis.between_runs.changes import compare_runs
    from harness.report.commands.compare import comparison_report

    def compare(directory: Path) -> None:
        comparison_report(compare_runs([read_run(other), read_run(directory)]))

    return compare


def validate(directory: Path) -> None:
    validate_run(directory, None, None)


def check_before_resuming(directory: Path) -> None:
    """What `run --resume` does before it measures, and what it does after it."""
    store = open_store(directory)
    check_results(store, store.read_plan(resumes=True))


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Where something stands in a JSON value; of a list only the first element."""
    if place:
        yield place
    inside = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, part in inside:
        yield from places(part, (*place, key))


def without(value: Any, place: Place) -> Any:
    changed = copy.deepcopy(value)
    del _holder(changed, place)[place[-1]]
    return changed


def with_value(value: Any, place: Place, new: Any) -> Any:
    changed = copy.deepcopy(value)
    _holder(changed, place)[place[-1]] = new
    return changed


def mutations(path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(what is done, how to make it) for every key of the JSON in `path` and every kind of value."""
    whole = json.loads(path.read_text())
    for place in places(whole):
        yield f"{path.name}: without {place}", partial(without, whole, place)
        for new in VALUES:
            yield f"{path.name}: {place} = {new!r}", partial(with_value, whole, place, new)


def _holder(value: Any, place: Place) -> Any:
    for key in place[:-1]:
        value = value[key]
    return value
