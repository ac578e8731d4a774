"""Summarizes each arm: times, CPU time, throttling, and the application files that it served."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from harness.analysis.contrasts.tails import arm_percentiles
from harness.analysis.latency_by_load import arm_capacities, open_loop_times
from harness.analysis.statistics.series import SessionData
from harness.experiment.arms import stacks_of
from harness.model import (
    SERVER_ROLES,
    SERVICE_ROLE,
    ApplicationFile,
    Arm,
    ArmSummary,
    Experiment,
    Interval,
    Record,
    Settings,
    ThrottleCounts,
    VisitRow,
)

ARM_PERCENTILES = ("p50", "p90", "p99", "p999")
THROTTLE_FIELDS = ("periods", "throttled_periods", "throttled_us")


def arm_summaries(
    experiment: Experiment,
    sessions: Sequence[SessionData],
    failed: Mapping[str, Mapping[str, int]],
    looks: Sequence[int] = (),
) -> dict[str, ArmSummary]:
    """Return the summaries by arm. The rate of an arm is its capacity if one was measured."""
    capacities = {capacity.arm: capacity.per_s.value for capacity in arm_capacities(experiment, sessions, looks)}
    arms = {arm.name: arm_summary(arm, sessions, failed.get(arm.name, {}), looks) for arm in experiment.arms}
    return {
        name: arm.model_copy(update={"requests_per_s": capacities[name]}) if name in capacities else arm
        for name, arm in arms.items()
    }


def arm_summary(
    arm: Arm, sessions: Sequence[SessionData], failed: Mapping[str, int], looks: Sequence[int] = ()
) -> ArmSummary:
    """Return the summary of an arm over all sessions, with None for what was not measured; `failed` is by kind.

    Each average is a mean of session means. Times are averaged, and the rate is computed from them last.
    """
    visits = [session.visits_of(arm.name) for session in sessions]
    percentiles = arm_percentiles(sessions, arm.name, looks)
    tails = {name: value for name, value in percentiles.items() if name != "p50" and not value.pooled}
    mean_us = _mean([visit.mean_us for visit in of_session if visit.mean_us] for of_session in visits)
    request_us = _interval_us(visits) or mean_us
    return ArmSummary(
        requests=sum(visit.requests for of_session in visits for visit in of_session),
        failed=sum(failed.values()),
        failed_by_kind=dict(failed),
        requests_per_s=1e6 / request_us if request_us and not _is_client_bound(sessions) else None,
        mean_us=mean_us,
        **{f"{name}_us": percentiles[name].value if name in percentiles else None for name in ARM_PERCENTILES},
        percentiles=percentiles,
        tails={name: Interval(value=value.value, low=value.low, high=value.high) for name, value in tails.items()},
        cpu_us=_cpu_us(visits),
        paced=open_loop_times(arm, sessions),
        control_of=arm.control_of,
        settings=_settings_to_report(arm.settings),
    )


def _interval_us(visits: Sequence[Sequence[VisitRow]]) -> float | None:
    """Return the mean time between requests; None if it equals the latency, and for the steps of a search."""
    return _mean(
        [visit.interval_us for visit in of_session if visit.interval_us and visit.mean_us] for of_session in visits
    )


def _is_client_bound(sessions: Sequence[SessionData]) -> bool:
    """Whether the client limited a session. Then no rate describes the servers."""
    return any(doubt.kind == "client-bound" for session in sessions for doubt in session.record.doubts)


def _cpu_us(visits: Sequence[Sequence[VisitRow]]) -> dict[str, float]:
    """Return the CPU time per request of each server whose CPU time was read."""
    roles_read = {role for of_session in visits for visit in of_session for role in visit.cpu_us}
    roles = [role for role in (*SERVER_ROLES, SERVICE_ROLE) if role in roles_read]
    means = {
        role: _mean([visit.cpu_us[role] for visit in of_session if role in visit.cpu_us] for of_session in visits)
        for role in roles
    }
    return {role: mean_us for role, mean_us in means.items() if mean_us is not None}


def _mean(sessions: Iterable[Sequence[float]]) -> float | None:
    """Return the mean of the session means, over the sessions with any value."""
    means = [fmean(values) for values in sessions if values]
    return fmean(means) if means else None


def _settings_to_report(settings: Settings) -> dict[str, Any]:
    """Return the settings that differ from the defaults, and always the transport (or the url)."""
    defaults = Settings().model_dump(mode="json")
    given = settings.model_dump(mode="json")
    always = "url" if settings.url else "transport"
    return {key: value for key, value in given.items() if key == always or value != defaults[key]}


def application_files(host: Mapping[str, Any]) -> tuple[ApplicationFile, ...]:
    """Return each application with the arms that it served; none if host.json is older than these facts."""
    arms_by_file: dict[tuple[str, str, str, str], list[str]] = {}
    for entry in host.get("serving", ()):
        facts = entry.get("application", {})
        key = tuple(str(facts.get(name) or "") for name in ("app", "directory", "file", "sha256"))
        arms_by_file.setdefault(key, []).extend(entry.get("arms", ()))  # type: ignore[arg-type] # four texts
    return tuple(
        ApplicationFile(app=app, directory=directory, file=file, sha256=sha256, arms=tuple(arms))
        for (app, directory, file, sha256), arms in arms_by_file.items()
    )


def throttle_counts(experiment: Experiment, records: Sequence[Record]) -> Iterator[ThrottleCounts]:
    """Yield the counts of each stack and role with a CPU quota; none if the kernel does not count."""
    for arms in stacks_of(experiment):
        names, quota = tuple(arm.name for arm in arms), arms[0].settings.cpu_quota
        counts_by_role = [record.throttled_servers(names) for record in records if quota]
        for role in dict.fromkeys(
            role for of_session in counts_by_role for role, counts in of_session.items() if counts
        ):
            sums = {
                name: sum(of_session.get(role, {}).get(name, 0) for of_session in counts_by_role)
                for name in THROTTLE_FIELDS
            }
            yield ThrottleCounts(arms=names, role=role, cpu_quota=quota, **sums)
