"""HdrHistogram logs of arms with a request rate, for other tools to read and plot."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.util import find_spec
from io import StringIO

import polars as pl

from harness.analysis.statistics.series import SessionData
from harness.files import file_names
from harness.model import Experiment

HIGHEST_NS = 3_600_000_000_000
SIGNIFICANT_DIGITS = 3


def hdr_logs(experiment: Experiment, sessions: Sequence[SessionData]) -> Iterator[tuple[str, str]]:
    """Yield (file name, text) for each arm with a rate: one interval per session, in ns from the intended send time.

    Yields nothing without the hdrh library, which is not built for every machine.
    """
    if find_spec("hdrh") is None:
        return
    names = file_names(arm.name for arm in experiment.arms)
    for arm in experiment.arms:
        if arm.settings.rate:
            yield f"hdr/{names[arm.name]}.hlog", _log(arm.name, sessions)


def _log(arm: str, sessions: Sequence[SessionData]) -> str:
    from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped] # it brings no types
    from hdrh.log import HistogramLogWriter  # type: ignore[import-untyped] # it brings no types

    text = StringIO()
    log = HistogramLogWriter(text)
    log.output_log_format_version()
    log.output_comment(f"[{arm}: times from the intended send time; one interval per session]")
    log.output_legend()
    for session in sorted(sessions, key=lambda session: session.record.session):
        histogram = HdrHistogram(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
        for time_ns in _times_ns(session, arm):
            histogram.record_value(time_ns)
        start_s = datetime.fromisoformat(session.record.started_utc).timestamp()
        log.output_interval_histogram(histogram, start_s, start_s + session.record.seconds.get("total", 0.0))
    return text.getvalue()


def _times_ns(session: SessionData, arm: str) -> list[int]:
    of_arm = session.requests.filter(pl.col("arm") == arm)
    return of_arm.select(pl.col("latency_ns") + pl.col("late_ns")).to_series().to_list()
