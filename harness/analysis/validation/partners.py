"""Which bare arm a service is held against, whether both were asked in the same way, and what to do where none is."""

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
)  # the settings that say how a client asks


@dataclass(frozen=True, slots=True)
class Partner:
    """The bare arm that a service is compared with, its transport, and in what they were asked otherwise."""

    arm: str
    transport: str
    asked_otherwise: tuple[str, ...]


def partners(summary: Summary) -> Mapping[str, Partner]:
    """For each service the first bare arm that the run compares it with."""
    theirs, bare = services(summary), bare_arms(summary)
    found: dict[str, Partner] = {}
    for one in typical(summary):
        for service, other in ((one.arm, one.against), (one.against, one.arm)):
            if service in theirs and other in bare:
                transport = str(bare[other].settings.get("transport", TCP)).partition("-")[0]
                found.setdefault(service, Partner(other, transport, asked_otherwise(summary, service, other)))
    return found


def typical(summary: Summary) -> Iterator[Comparison]:
    """Every comparison of the typical request between arms of their own."""
    for one in summary.comparisons:
        if one.metric == METRIC and not any(summary.arms[name].control_of for name in (one.arm, one.against)):
            yield one


def asked_otherwise(summary: Summary, arm: str, other: str) -> tuple[str, ...]:
    """The settings of the client in which two arms differ."""
    ours, theirs = (summary.arms[name].settings for name in (arm, other))
    return tuple(key for key in ASKED if ours.get(key) != theirs.get(key))


def remark(summary: Summary, service: str, bare: Partner | None) -> str:
    """Why nothing is said of a service's runtime; empty where something is."""
    if bare is None:
        return _alone(summary, service)
    if bare.asked_otherwise:
        keys = ", ".join(bare.asked_otherwise)
        return (
            f"{service} and {bare.arm} were not asked in the same way ({keys}), so what lies between them is not the "
            "runtime's share."
        )
    if summary.arms[service].failed or summary.arms[bare.arm].failed:
        return f"Requests to {service} or {bare.arm} failed, so what the runtime adds is not told."
    return ""


def _alone(summary: Summary, service: str) -> str:
    """No bare arm, no pair, or a pair of another quantity."""
    bare = next(iter(bare_arms(summary)), None)
    if bare is None:
        return f"There is no bare arm to hold {service} against. Add one, like [arms.tcp]."
    if any(service in (one.arm, one.against) and one.metric == "capacity" for one in summary.comparisons):
        return f"{service} was searched for a capacity, which is no time per request. Take a run without p99_limit_ms."
    return (
        f"{service} is compared with no bare arm, which would tell its runtime's share. Add "
        f'["{service}", "{bare}"] to design.pairs, or another bare arm in place of {bare}.'
    )
