"""The sections on failed requests, throttling and the application."""

from collections.abc import Iterator, Sequence

from harness.experiment.transports import arm_transport, transport_label
from harness.model import SERVER_ROLES, ApplicationFile, ArmSummary, Summary, ThrottleCounts
from harness.report.format import format_significant, join_with_and
from harness.report.table import ABSENT, DataTable, TableCell, TableRow, TextSection, make_section

HASH_DIGITS = 12  # enough to distinguish versions of a file

THROTTLING_NOTE = (
    "When a server has used up its quota, it is throttled until the next period (100 ms). This raises the mean and the "
    "high percentiles of a burst. Short bursts show less of it: while other arms are visited, the quota refills."
)


def application_lines(summary: Summary) -> list[str]:
    """Return `app/main.py of barehop (app.main:app, SHA-256 9a08edb08bff)` for each file, with its arms if several."""
    several = len(summary.applications) > 1
    return [
        f"{_application_text(application)}{f' for {join_with_and(application.arms)}' if several else ''}"
        for application in summary.applications
    ]


def application_note(summary: Summary) -> str:
    """Return the same as a sentence; empty if nothing is known."""
    lines = application_lines(summary)
    return f"Application: {'; '.join(lines)}." if lines else ""


def _application_text(application: ApplicationFile) -> str:
    place = f"in {application.directory}" if application.directory else "of barehop"
    if not application.file:
        return f"{application.app} {place} (file unknown)"
    return f"{application.file} {place} ({application.app}, SHA-256 {application.sha256[:HASH_DIGITS]})"


def failure_sections(summary: Summary) -> list[TextSection]:
    """Return a table of all arms if any request failed."""
    if not any(arm.failed for arm in summary.arms.values()):
        return []
    rows = [_failure_row(name, arm) for name, arm in summary.arms.items()]
    sheet = DataTable("Failed requests of each arm", ("arm", "answered", "failed", "of all", "how"), rows)
    return [make_section("Failed requests", [f"Of {join_with_and(list(_failure_clauses(summary)))}."], [sheet])]


def _failure_row(name: str, arm: ArmSummary) -> TableRow:
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
    return f"over {transport_label(arm_transport(arm.settings))}"


def _sent_requests(arms: Sequence[ArmSummary]) -> int:
    """Return the number of requests sent: `requests` counts only those with the right answer."""
    return sum(arm.requests + arm.failed for arm in arms)


def _failed_percent(arms: Sequence[ArmSummary]) -> str:
    failed = sum(arm.failed for arm in arms)
    return f"{format_significant(100 * failed / _sent_requests(arms), 2)} %" if failed else ABSENT


def throttling_sections(summary: Summary) -> list[TextSection]:
    """Return the section if an arm has a CPU quota and the kernel counts throttling."""
    if not summary.throttled:
        return []
    stacks = list(dict.fromkeys(entry.arms for entry in summary.throttled))
    header = ("servers of", "quota\nCPUs each", *(f"{role} throttled\nfor" for role in SERVER_ROLES))
    rows = [_throttled_row(summary.throttled, arms) for arms in stacks]
    sheet = DataTable("Throttled periods and total throttled time of each server", header, rows)
    return [
        make_section(
            "CPU quotas: throttled servers", [*_throttled_sentences(summary.throttled), THROTTLING_NOTE], [sheet]
        )
    ]


def _throttled_sentences(entries: Sequence[ThrottleCounts]) -> Iterator[str]:
    throttled = list(dict.fromkeys(arm for entry in entries if entry.throttled_periods for arm in entry.arms))
    free = list(dict.fromkeys(arm for entry in entries for arm in entry.arms if arm not in throttled))
    if not throttled:
        yield "No server was throttled: every quota was sufficient."
    elif not free:
        yield "All servers were throttled."
    else:
        yield f"Throttled: {join_with_and(throttled)}. Never throttled: {join_with_and(free)}."


def _throttled_row(entries: Sequence[ThrottleCounts], arms: tuple[str, ...]) -> TableRow:
    of_stack = {entry.role: entry for entry in entries if entry.arms == arms}
    quota = next(iter(of_stack.values())).cpu_quota
    return (
        (join_with_and(arms), ""),
        (f"{quota:g}", ""),
        *(_throttled_cell(of_stack.get(role)) for role in SERVER_ROLES),
    )


def _throttled_cell(entry: ThrottleCounts | None) -> TableCell:
    """Return `40 of 121` periods and `1.52 s`."""
    if entry is None:
        return ABSENT, ""
    return f"{entry.throttled_periods} of {entry.periods}", f"{entry.throttled_us / 1e6:.2f} s"
