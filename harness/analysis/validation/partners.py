"""The bare arm that a service is compared with, and whether the client had the same settings for both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.analysis.validation.arms import METRIC, bare_arms, services
from harness.model import Comparison, Summary

TCP = "tcp"
ASKED = (
    "connections",
    "rate",
    "p99_limit_ms",
    "client_keepalive",
    "method",
    "headers",
    "body",
    "timeout_s",
    "tool",
    "tool_requests",
    "tool_seconds",
)  # of the client


@dataclass(frozen=True, slots=True)
class Partner:
    """The bare arm of a service, its transport, and the client settings in which the two differ."""

    arm: str
    transport: str
    asked_otherwise: tuple[str, ...]


def partners(summary: Summary) -> Mapping[str, Partner]:
    """Return, for each service, the first bare arm that the run compares it with."""
    names, bare = services(summary), bare_arms(summary)
    matches: dict[str, Partner] = {}
    for comparison in typical(summary):
        for service, other in ((comparison.arm, comparison.against), (comparison.against, comparison.arm)):
            if service in names and other in bare:
                transport = str(bare[other].settings.get("transport", TCP)).partition("-")[0]
                matches.setdefault(service, Partner(other, transport, asked_otherwise(summary, service, other)))
    return matches


def typical(summary: Summary) -> Iterator[Comparison]:
    """Yield the latency comparisons without controls."""
    for comparison in summary.comparisons:
        if comparison.metric == METRIC and not any(
            summary.arms[name].control_of for name in (comparison.arm, comparison.against)
        ):
            yield comparison


def asked_otherwise(summary: Summary, arm: str, other: str) -> tuple[str, ...]:
    """Return the client settings in which two arms differ."""
    ours, theirs = (summary.arms[name].settings for name in (arm, other))
    return tuple(key for key in ASKED if ours.get(key) != theirs.get(key))


def remark(summary: Summary, service: str, bare: Partner | None) -> str:
    """Return why the share of a service's runtime is not reported, or ""."""
    if bare is None:
        return _alone(summary, service)
    if bare.asked_otherwise:
        keys = ", ".join(bare.asked_otherwise)
        return (
            f"{service} and {bare.arm} were measured with different client settings ({keys}), so their difference is "
            "not the runtime's share."
        )
    if summary.arms[service].failed or summary.arms[bare.arm].failed:
        return f"Requests to {service} or {bare.arm} failed, so the runtime's share is not reported."
    return ""


def _alone(summary: Summary, service: str) -> str:
    """Return why a service has no match: no bare arm, no pair, or a pair that compares capacities."""
    bare = next(iter(bare_arms(summary)), None)
    if bare is None:
        return f"There is no bare arm to compare {service} with. Add one, like [arms.tcp]."
    if any(
        service in (comparison.arm, comparison.against) and comparison.metric == "capacity"
        for comparison in summary.comparisons
    ):
        return (
            f"{service} was searched for its capacity, which is not a time per request. Use a run without p99_limit_ms."
        )
    return (
        f"{service} is not compared with a bare arm, which would show its runtime's share. Add "
        f'["{service}", "{bare}"] to design.pairs, or another bare arm in place of {bare}.'
    )
