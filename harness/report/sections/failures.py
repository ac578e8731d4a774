"""The sections on failed requests, throttling and the application."""

from collections.abc import Iterator, Sequence

from harness.experiment.transports import arm_transport, transport_label
from harness.model import SERVER_ROLES, ApplicationFile, ArmSummary, Summary, ThrottleCounts
from harness.report.cells import ABSENT
from harness.report.document import Column, NumberCell, Row, Section, Table, TextCell
from harness.report.format import format_significant, join_with_and

HASH_DIGITS = 12  # enough to distinguish versions of a file
FAILURE_COLUMNS = [Column(title) for title in ("arm", "answered", "failed", "of all", "how")]
THROTTLE_COLUMNS = (
    Column("servers of"), Column("quota", "CPUs each"), *(Column(f"{role} throttled", "for") for role in SERVER_ROLES),
)  # fmt: skip
THROTTLING_NOTE = (
    "When a server has used up its quota, it is throttled until the next period (100 ms). This raises the mean and the "
    "high percentiles of a burst. Short bursts show less of it: while other arms are visited, the quota refills."
)


def application_note(summary: Summary) -> str:
    """Return `Application: app/main.py of barehop (app.main:app, SHA-256 9a08edb08bff).`; empty if nothing is known.

    Several files are named with their arms.
    """
    texts = list(map(_application_text, summary.applications))
    if len(texts) > 1:
        texts = [
            f"{text} for {join_with_and(file.arms)}" for text, file in zip(texts, summary.applications, strict=True)
        ]
    return f"Application: {'; '.join(texts)}." if texts else ""


def application_place(application: ApplicationFile) -> str:
    """Return `app/main.py of barehop` or `shop.py in ~/shop`."""
    place = f"in {application.directory}" if application.directory else "of barehop"
    return f"{application.file or application.app} {place}"


def _application_text(application: ApplicationFile) -> str:
    if not application.file:
        return f"{application_place(application)} (file unknown)"
    return f"{application_place(application)} ({application.app}, SHA-256 {application.sha256[:HASH_DIGITS]})"


def failure_sections(summary: Summary) -> list[Section]:
    """Return a table of all arms if any request failed."""
    if not any(arm.failed for arm in summary.arms.values()):
        return []
    rows = [_failure_row(name, arm) for name, arm in summary.arms.items()]
    table = Table("Failed requests of each arm", FAILURE_COLUMNS, rows)
    return [Section("Failed requests", [f"Of {join_with_and(list(_failure_clauses(summary)))}."], [table])]


def _failure_row(name: str, arm: ArmSummary) -> Row:
    kinds = sorted(arm.failed_by_kind.items(), key=lambda kind: -kind[1])
    how = ", ".join(f"{kind}: {count}" for kind, count in kinds) or ABSENT
    numbers = (str(arm.requests), str(arm.failed), _failed_percent([arm]))
    return Row([TextCell(name), *map(NumberCell, numbers), TextCell(how)])


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


def throttling_sections(summary: Summary) -> list[Section]:
    """Return the section if an arm has a CPU quota and the kernel counts throttling."""
    if not summary.throttled:
        return []
    stacks = list(dict.fromkeys(entry.arms for entry in summary.throttled))
    rows = [_throttle_row([entry for entry in summary.throttled if entry.arms == arms]) for arms in stacks]
    table = Table("Throttled periods and total throttled time of each server", THROTTLE_COLUMNS, rows)
    sentences = [_throttle_sentence(summary.throttled), THROTTLING_NOTE]
    return [Section("CPU quotas: throttled servers", sentences, [table])]


def _throttle_sentence(entries: Sequence[ThrottleCounts]) -> str:
    throttled = list(dict.fromkeys(arm for entry in entries if entry.throttled_periods for arm in entry.arms))
    free = list(dict.fromkeys(arm for entry in entries for arm in entry.arms if arm not in throttled))
    if not throttled:
        return "No server was throttled: every quota was sufficient."
    if not free:
        return "All servers were throttled."
    return f"Throttled: {join_with_and(throttled)}. Never throttled: {join_with_and(free)}."


def _throttle_row(entries: Sequence[ThrottleCounts]) -> Row:
    """Return `40 of 121` periods and `1.52 s` of each server of one stack."""
    texts = {
        entry.role: (f"{entry.throttled_periods} of {entry.periods}", f"{entry.throttled_us / 1e6:.2f} s")
        for entry in entries
    }
    cells = [NumberCell(*texts.get(role, (ABSENT,))) for role in SERVER_ROLES]
    return Row([TextCell(join_with_and(entries[0].arms)), NumberCell(f"{entries[0].cpu_quota:g}"), *cells])
