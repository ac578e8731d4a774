"""The section on requests that failed: of which arms, how many, and how."""

from collections.abc import Iterator, Sequence

from harness.model import ArmSummary, Summary
from harness.report.sentences import HOPS
from harness.report.sheet import ABSENT, Row, Section, Sheet, section
from harness.report.wording import listed, rounded


def failure_sections(summary: Summary) -> list[Section]:
    """None where none failed; arms without a failure stand beside the others."""
    if not any(arm.failed for arm in summary.arms.values()):
        return []
    rows = [_row(name, arm) for name, arm in summary.arms.items()]
    sheet = Sheet("How many of each arm", ("arm", "answered", "failed", "of all", "how"), rows)
    return [section("What failed", [f"Of {listed(list(_of_ways(summary)))}."], [sheet])]


def _row(name: str, arm: ArmSummary) -> Row:
    kinds = sorted(arm.failed_by_kind.items(), key=lambda kind: -kind[1])
    how = ", ".join(f"{kind}: {count}" for kind, count in kinds) or ABSENT
    return (name, ""), (str(arm.requests), ""), (str(arm.failed), ""), (_share([arm]), ""), (how, "")


def _of_ways(summary: Summary) -> Iterator[str]:
    arms = list(summary.arms.values())
    for way in dict.fromkeys(map(_way, arms)):
        those = [arm for arm in arms if _way(arm) == way]
        failed = sum(arm.failed for arm in those)
        share = f"{failed} failed ({_share(those)})" if failed else "none failed"
        yield f"{_sent(those)} requests {way} {share}"


def _way(arm: ArmSummary) -> str:
    """Services stand together: what is behind a url is not known."""
    if "url" in arm.settings:
        return "to services by their url"
    transport = arm.settings.get("transport", "tcp")
    return f"over {HOPS.get(transport, transport)}"


def _sent(arms: Sequence[ArmSummary]) -> int:
    """Those that failed are not among an arm's requests, which were answered right."""
    return sum(arm.requests + arm.failed for arm in arms)


def _share(arms: Sequence[ArmSummary]) -> str:
    failed = sum(arm.failed for arm in arms)
    return f"{rounded(100 * failed / _sent(arms), 2)} %" if failed else ABSENT
