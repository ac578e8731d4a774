"""The history of experiments: each contrast over all runs of one host, and where it changed."""

from collections.abc import Iterator, Sequence
from math import expm1, log1p
from typing import Literal

from pydantic import Field
from scipy.special import stdtrit

from harness.analysis.between_runs.hosts import RunOrigin, group_by_host
from harness.analysis.between_runs.reliability import is_reliable
from harness.analysis.contrasts.rates import shown_percent
from harness.analysis.statistics.change_points import segments
from harness.model import HEADLINE_METRICS, Interval, JsonModel
from harness.model.base import Verdict
from harness.model.record import HostFacts
from harness.model.summary import EffectBrief, RunBrief, SummaryBrief

UNKNOWN_HOST = "unknown host"
MAX_PERCENT = 1e6  # what is larger is no measurement
MIN_ERROR = 1e-6  # of a log ratio: no run is known better


class RunContrast(JsonModel):
    """A contrast of a run in its headline metric; `percent` is of the rate where the metric is one."""

    label: str
    arm: str
    metric: str
    percent: Interval
    confidence: float = 0.95
    verdict: Verdict | None = None
    is_control: bool = False
    is_main_effect: bool = False  # of a setting, averaged over the other settings


class HistoryRun(JsonModel):
    """A run in a line; `experiment` has its overrides. A run that is not valid is not `reliable` either."""

    directory: str
    started_utc: str
    experiment: str
    host: str = UNKNOWN_HOST
    kernel: str = ""
    sessions: int
    valid: bool
    reliable: bool
    id: str = ""
    contrasts: tuple[RunContrast, ...] = ()


class TrendLevel(JsonModel):
    """Runs in a row with one level, from place `first` to place `last` of the trend's runs."""

    first: int
    last: int
    percent: Interval


class Trend(JsonModel):
    """A contrast over the valid runs of an experiment on a host; `runs` are places in the history."""

    experiment: str
    host: str
    label: str
    metric: str
    is_control: bool
    runs: tuple[int, ...]
    levels: tuple[TrendLevel, ...]

    @property
    def has_changed(self) -> bool:
        """Return whether there is a change point."""
        return len(self.levels) > 1


class History(JsonModel):
    """All runs below a directory, the oldest first, and the trends of their contrasts."""

    format: Literal[1] = 1
    directory: str
    runs: tuple[HistoryRun, ...]
    trends: tuple[Trend, ...]
    left_out: tuple[str, ...] = Field(default=())  # a sentence each


def history_of(directory: str, briefs: Sequence[RunBrief], left_out: Sequence[str] = ()) -> History:
    """Return the history of the runs below `directory`."""
    ordered = sorted(briefs, key=lambda brief: (brief.started_utc, brief.directory))
    hosts = _host_names(ordered)
    runs = tuple(_history_run(brief, host) for brief, host in zip(ordered, hosts, strict=True))
    return History(directory=directory, runs=runs, trends=tuple(_trends(runs)), left_out=tuple(left_out))


def _history_run(brief: RunBrief, host: str) -> HistoryRun:
    summary = brief.summary
    return HistoryRun(
        directory=brief.directory,
        started_utc=brief.started_utc,
        experiment=" ".join([summary.experiment, *(f"--set {override}" for override in summary.overrides)]),
        host=host,
        kernel=str(brief.host.get("kernel", {}).get("release", "")),
        sessions=summary.sessions,
        valid=summary.valid,
        reliable=is_reliable(summary),
        id=summary.id,
        contrasts=tuple(_contrasts(summary)),
    )


def _contrasts(summary: SummaryBrief) -> Iterator[RunContrast]:
    """Yield the effects of a screen, or else the comparisons, in the headline metric."""
    effects = summary.main_effects or summary.comparisons
    metric = next((effect.metric for effect in effects if effect.metric in HEADLINE_METRICS), "")
    for effect in effects:
        percent = _interval(effect) if effect.metric == metric else None
        if percent:
            where = "".join(f", {level}" for level in effect.where.values())
            arm = summary.arms.get(effect.arm)
            yield RunContrast(
                label=f"{effect.arm} against {effect.against}{where}",
                arm=f"{effect.arm}{where}",
                metric=metric,
                percent=percent,
                confidence=effect.confidence,
                verdict=effect.verdict,
                is_control=bool(arm and arm.control_of),
                is_main_effect=bool(summary.main_effects),
            )


def _interval(effect: EffectBrief) -> Interval | None:
    """Return the difference in percent as reports show it; None without an interval, or with an impossible one."""
    ends = (effect.percent_low, effect.percent, effect.percent_high)
    if not all(end is not None and -100 < end < MAX_PERCENT for end in ends) or not 0 < effect.confidence < 1:
        return None
    low, value, high = (float(end or 0) for end in ends)
    return shown_percent(Interval(value=value, low=low, high=high), effect.metric)


def _host_names(briefs: Sequence[RunBrief]) -> list[str]:
    """Return the name of each run's host: its hardware, with a number where several hosts have the same."""
    names = [UNKNOWN_HOST] * len(briefs)
    taken: dict[str, int] = {}
    hosts, _ = group_by_host([RunOrigin(brief.directory, brief.host) for brief in briefs])
    for host in hosts:
        hardware = _hardware_text(briefs[host.runs[0]].host)
        taken[hardware] = taken.get(hardware, 0) + 1
        number = taken[hardware]
        for place in host.runs:
            names[place] = hardware if number == 1 else f"{hardware}, host {number}"
    return names


def _hardware_text(facts: HostFacts) -> str:
    cpus = facts.get("cpus", {})
    models = [str(model.get("model name") or model.get("CPU part") or "") for model in cpus.get("models") or ()]
    return " ".join(filter(None, [*dict.fromkeys(models), f"CPUs {cpus['online']}" if cpus.get("online") else ""]))


def _trends(runs: Sequence[HistoryRun]) -> Iterator[Trend]:
    """Yield a trend for each contrast of an experiment on a host that several valid runs have."""
    series: dict[tuple[str, str, str, str], list[int]] = {}
    contrasts: dict[tuple[int, str], RunContrast] = {}
    for place, run in enumerate(runs):
        for contrast in run.contrasts if run.valid else ():
            series.setdefault((run.experiment, run.host, contrast.label, contrast.metric), []).append(place)
            contrasts[place, contrast.label] = contrast
    for (experiment, host, label, metric), places in series.items():
        own = [contrasts[place, label] for place in places]
        if len(own) > 1:
            sessions = [runs[place].sessions for place in places]
            yield Trend(
                experiment=experiment,
                host=host,
                label=label,
                metric=metric,
                is_control=own[0].is_control,
                runs=tuple(places),
                levels=tuple(_levels(own, sessions)),
            )


def _levels(contrasts: Sequence[RunContrast], sessions: Sequence[int]) -> Iterator[TrendLevel]:
    estimates = [_log_estimate(contrast, number) for contrast, number in zip(contrasts, sessions, strict=True)]
    for segment in segments([value for value, _ in estimates], [error for _, error in estimates]):
        low, value, high = (100 * expm1(segment.mean + side * segment.half_width) for side in (-1, 0, 1))
        yield TrendLevel(first=segment.start, last=segment.stop - 1, percent=Interval(value=value, low=low, high=high))


def _log_estimate(contrast: RunContrast, sessions: int) -> tuple[float, float]:
    """Return the log of the ratio and its standard error, which the interval by Student's t implies."""
    low, value, high = (
        log1p((end or 0.0) / 100) for end in (contrast.percent.low, contrast.percent.value, contrast.percent.high)
    )
    quantile = float(stdtrit(max(sessions - 1, 1), (1 + contrast.confidence) / 2))
    return value, max((high - low) / 2 / quantile, MIN_ERROR)
