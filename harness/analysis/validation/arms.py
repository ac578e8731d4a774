"""Which bare arm stands for an architecture from elsewhere."""

from collections.abc import Mapping

from harness.model import ArmSummary, Comparison, Summary, Verdict

TRANSPORTS = {"tcp": ("tcp",), "uds": ("uds-dir", "uds-tmpfs")}  # a volume is a directory, so that comes first
ELSEWHERE = ("url", "chain", "network", "sandbox", "cpu_quota")  # an arm with any of these is not a bare one
METRIC = "latency"
OTHER_WAY: Mapping[Verdict | None, Verdict] = {"faster": "slower", "slower": "faster"}


def bare_arm(summary: Summary, architecture: str, transport: str) -> str | None:
    """The arm of that name, or else the one over that transport that has the fewest other settings."""
    bare = bare_arms(summary)
    if architecture in bare:
        return architecture
    for wanted in TRANSPORTS.get(transport, ()):
        found = [name for name, arm in bare.items() if arm.settings.get("transport", "tcp") == wanted]
        if found:
            return min(found, key=lambda name: (name != wanted, len(bare[name].settings)))
    return None


def bare_arms(summary: Summary) -> dict[str, ArmSummary]:
    """The arms that are stacks of ours with nothing on their way, without controls."""
    return {
        name: arm
        for name, arm in summary.arms.items()
        if arm.control_of is None and not any(key in arm.settings for key in ELSEWHERE)
    }


def services(summary: Summary) -> list[str]:
    """The arms that were running already, without controls."""
    return [name for name, arm in summary.arms.items() if arm.settings.get("url") and arm.control_of is None]


def bare_comparison(summary: Summary, arm: str | None, against: str | None) -> Comparison | None:
    """What the run found of the typical request, whichever of the two it calls the reference; None where nothing."""
    for one in summary.comparisons:
        if one.metric == METRIC and (one.arm, one.against) == (arm, against):
            return one
        if one.metric == METRIC and (one.against, one.arm) == (arm, against):
            return mirrored(one)
    return None


def mirrored(one: Comparison) -> Comparison:
    """The same, seen from the reference."""
    return one.model_copy(
        update={
            "arm": one.against,
            "against": one.arm,
            "percent": _inverse(one.percent),
            "percent_low": _inverse(one.percent_high),
            "percent_high": _inverse(one.percent_low),
            "us": _negative(one.us),
            "us_low": _negative(one.us_high),
            "us_high": _negative(one.us_low),
            "verdict": OTHER_WAY.get(one.verdict, one.verdict),
            "checks": {},
        }
    )


def _inverse(percent: float | None) -> float | None:
    """Of a ratio as percent; a time that is nothing beside the other's has none."""
    return None if percent is None or percent <= -100 else 100 * (1 / (1 + percent / 100) - 1)


def _negative(us: float | None) -> float | None:
    return None if us is None else -us


def beside_transport(summary: Summary, bare: Comparison | None) -> tuple[str, ...]:
    """The settings in which the two bare arms differ but for their transport."""
    if bare is None:
        return ()
    ours, theirs = (summary.arms[name].settings for name in (bare.arm, bare.against))
    return tuple(sorted(key for key in {**ours, **theirs} if key != "transport" and ours.get(key) != theirs.get(key)))


def full_arms(summary: Summary) -> list[str]:
    """Every arm whose requests go the whole way, the controls too: what single runs would have been of."""
    return [name for name, arm in summary.arms.items() if "chain" not in arm.settings and not arm.failed]


def connections_of(arm: ArmSummary) -> int:
    return int(arm.settings.get("connections", 1))
