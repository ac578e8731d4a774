"""The run that results made elsewhere are compared with, and which of its arms corresponds to each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.analysis.contrasts.rates import inverse_percent
from harness.analysis.validation.bounds import socket_bound
from harness.experiment.transports import arm_transport, imported_family, socket_protocol, transports
from harness.model import ArmSummary, Comparison, Experiment, FloorResults, Record, Summary, Verdict
from harness.model.settings import varying_keys
from harness.model.validation import SocketBound

NOT_BARE_SETTINGS = ("url", "chain", "network", "sandbox", "cpu_quota")  # an arm with any of these is not bare
OPPOSITE_VERDICT: Mapping[Verdict | None, Verdict] = {"faster": "slower", "slower": "faster"}


@dataclass(frozen=True)
class BareRun:
    """A run of bare arms; `floor` and `ladder`, if given, bound what a socket can cost."""

    experiment: Experiment
    summary: Summary
    records: Sequence[Record]
    floor: FloorResults | None = None
    ladder: Summary | None = None

    @cached_property
    def socket_limit(self) -> SocketBound | None:
        """The most that a socket can cost or save here."""
        return socket_bound(self.summary, self.records, self.floor, self.ladder)


def bare_arm(summary: Summary, architecture: str, family: str) -> str | None:
    """Return the arm of that name, or else the one of that transport family with the fewest other settings.

    Transports in a directory come first: a container's volume is a directory.
    """
    bare = bare_arms(summary)
    if architecture in bare:
        return architecture

    def is_directory(name: str) -> bool:
        return transports()[name].address_kind == "directory"

    names = [name for name in transports() if imported_family(name) == family]
    for transport in sorted(names, key=lambda name: (not is_directory(name), socket_protocol(name))):
        arms = [name for name, arm in bare.items() if arm_transport(arm.settings) == transport]
        if arms:
            return min(arms, key=lambda name: (name != transport, len(bare[name].settings)))
    return None


def bare_arms(summary: Summary) -> dict[str, ArmSummary]:
    """Return the arms with a plain stack of ours, without controls."""
    return {
        name: arm
        for name, arm in summary.arms.items()
        if arm.control_of is None and not any(key in arm.settings for key in NOT_BARE_SETTINGS)
    }


def service_arms(summary: Summary) -> list[str]:
    """Return the arms with a url, without controls."""
    return [name for name, arm in summary.arms.items() if arm.settings.get("url") and arm.control_of is None]


def full_chain_arms(summary: Summary) -> list[str]:
    """Return the arms with the full chain and without failures, including controls."""
    return [name for name, arm in summary.arms.items() if "chain" not in arm.settings and not arm.failed]


def connection_count(arm: ArmSummary) -> int:
    """Return the number of client connections of an arm."""
    return int(arm.settings.get("connections", 1))


def bare_comparison(summary: Summary, arm: str | None, against: str | None) -> Comparison | None:
    """Return the latency comparison of two arms, whichever is the reference; None without one."""
    for comparison in summary.comparisons:
        if comparison.metric == "latency":
            for directed in (comparison, mirror(comparison)):
                if (directed.arm, directed.against) == (arm, against):
                    return directed
    return None


def differing_settings(summary: Summary, bare: Comparison | None) -> tuple[str, ...]:
    """Return the settings other than the transport in which the two bare arms differ."""
    if bare is None:
        return ()
    settings = [summary.arms[name].settings for name in (bare.arm, bare.against)]
    return tuple(sorted(key for key in varying_keys(settings) if key != "transport"))


def mirror(comparison: Comparison) -> Comparison:
    """Return the comparison with arm and reference exchanged; a ratio of -100 % has no inverse."""

    def inverse(percent: float | None) -> float | None:
        return None if percent is None or percent <= -100 else inverse_percent(percent)

    def negative(us: float | None) -> float | None:
        return None if us is None else -us

    return comparison.model_copy(
        update={
            "arm": comparison.against,
            "against": comparison.arm,
            "percent": inverse(comparison.percent),
            "percent_low": inverse(comparison.percent_high),
            "percent_high": inverse(comparison.percent_low),
            "us": negative(comparison.us),
            "us_low": negative(comparison.us_high),
            "us_high": negative(comparison.us_low),
            "verdict": OPPOSITE_VERDICT.get(comparison.verdict, comparison.verdict),
            "checks": {},
        }
    )
