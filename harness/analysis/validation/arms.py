"""The bare arm that corresponds to an imported architecture or a service."""

from collections.abc import Mapping

from harness.model import ArmSummary, Comparison, Summary, Verdict

TRANSPORTS = {"tcp": ("tcp",), "uds": ("uds-dir", "uds-tmpfs")}  # uds-dir first: a container's volume is a directory
ELSEWHERE = ("url", "chain", "network", "sandbox", "cpu_quota")  # an arm with any of these is not bare
METRIC = "latency"
OTHER_WAY: Mapping[Verdict | None, Verdict] = {"faster": "slower", "slower": "faster"}


def bare_arm(summary: Summary, architecture: str, transport: str) -> str | None:
    """Return the arm of that name, or else the one over that transport with the fewest other settings."""
    bare = bare_arms(summary)
    if architecture in bare:
        return architecture
    for wanted in TRANSPORTS.get(transport, ()):
        names = [name for name, arm in bare.items() if arm.settings.get("transport", "tcp") == wanted]
        if names:
            return min(names, key=lambda name: (name != wanted, len(bare[name].settings)))
    return None


def bare_arms(summary: Summary) -> dict[str, ArmSummary]:
    """Return the arms with a plain stack of ours, without controls."""
    return {
        name: arm
        for name, arm in summary.arms.items()
        if arm.control_of is None and not any(key in arm.settings for key in ELSEWHERE)
    }


def services(summary: Summary) -> list[str]:
    """Return the arms with a url, without controls."""
    return [name for name, arm in summary.arms.items() if arm.settings.get("url") and arm.control_of is None]


def bare_comparison(summary: Summary, arm: str | None, against: str | None) -> Comparison | None:
    """Return the latency comparison of two arms, whichever is the reference; None without one."""
    for comparison in summary.comparisons:
        if comparison.metric == METRIC and (comparison.arm, comparison.against) == (arm, against):
            return comparison
        if comparison.metric == METRIC and (comparison.against, comparison.arm) == (arm, against):
            return mirrored(comparison)
    return None


def mirrored(comparison: Comparison) -> Comparison:
    """Return the comparison with arm and reference exchanged."""
    return comparison.model_copy(
        update={
            "arm": comparison.against,
            "against": comparison.arm,
            "percent": _inverse(comparison.percent),
            "percent_low": _inverse(comparison.percent_high),
            "percent_high": _inverse(comparison.percent_low),
            "us": _negative(comparison.us),
            "us_low": _negative(comparison.us_high),
            "us_high": _negative(comparison.us_low),
            "verdict": OTHER_WAY.get(comparison.verdict, comparison.verdict),
            "checks": {},
        }
    )


def _inverse(percent: float | None) -> float | None:
    """Return the inverse of a ratio in percent; None for -100 % or less."""
    return None if percent is None or percent <= -100 else 100 * (1 / (1 + percent / 100) - 1)


def _negative(us: float | None) -> float | None:
    return None if us is None else -us


def beside_transport(summary: Summary, bare: Comparison | None) -> tuple[str, ...]:
    """Return the settings other than the transport in which the two bare arms differ."""
    if bare is None:
        return ()
    ours, theirs = (summary.arms[name].settings for name in (bare.arm, bare.against))
    return tuple(sorted(key for key in {**ours, **theirs} if key != "transport" and ours.get(key) != theirs.get(key)))


def full_arms(summary: Summary) -> list[str]:
    """Return the arms with the full chain and without failures, including controls."""
    return [name for name, arm in summary.arms.items() if "chain" not in arm.settings and not arm.failed]


def connections_of(arm: ArmSummary) -> int:
    """Return the number of client connections of an arm."""
    return int(arm.settings.get("connections", 1))
