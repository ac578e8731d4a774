"""The section on failed requests: how many of each arm, and how they failed."""

from collections.abc import Iterator, Sequence

from harness.model import ArmSummary, Summary
from harness.report.sheet import ABSENT, Row, Section, Sheet, section
from harness.report.wording import HOPS, listed, rounded


def failure_sections(summary: Summary) -> list[Section]:
    """Return a table of all arms if any request failed."""
    if not any(arm.failed for arm in summary.arms.values()):
        return []
    rows = [_failure_row(name, arm) for name, arm in summary.arms.items()]
    sheet = Sheet("Failed requests of each arm", ("arm", "answered", "failed", "of all", "how"), rows)
    return [section("Failed requests", [f"Of {listed(list(_failure_clauses(summary)))}."], [sheet])]


def _failure_row(name: str, arm: ArmSummary) -> Row:
    kinds = sorted(arm.failed_by_kind.items(), key=lambda kind: -kind[1])
    how = ", ".join(f"{kind}: {count}" for kind, count in kinds) or ABSENT
    return (name, ""), (str(arm.requests), ""), (str(arm.failed), ""), (_failed_percent([arm]), ""), (how, "")


def _failure_clauses(summary: Summary) -> Iterator[str]:
    arms = list(summary.arms.values())
    for hop in dict.fromkeys(map(_hop_of, arms)):
        those = [arm for arm in arms if _hop_of(arm) == hop]
        failed = sum(arm.failed for arm in those)
        share = f"{failed} failed ({_failed_percent(those)})" if failed else "none failed"
        yield f"{_sent_requests(those)} requests {hop} {share}"


def _hop_of(arm: ArmSummary) -> str:
    """Return the transport of the arm; all services share one entry because their transport is unknown."""
    if "url" in arm.settings:
        return "to services by url"
    transport = arm.settings.get("transport", "tcp")
    return f"over {HOPS.get(transport, transport)}"


def _sent_requests(arms: Sequence[ArmSummary]) -> int:
    """Return the number of requests sent: `requests` counts only those with the right answer."""
    return sum(arm.requests + arm.failed for arm in arms)


def _failed_percent(arms: Sequence[ArmSummary]) -> str:
    failed = sum(arm.failed for arm in arms)
    return f"{rounded(100 * failed / _sent_requests(arms), 2)} %" if failed else ABSENT
