"""The section on CPU quotas: in how many periods the servers were throttled, and for how long."""

from collections.abc import Iterator, Sequence

from harness.model import SERVER_ROLES, Summary, Throttled
from harness.report.sheet import ABSENT, Cell, Row, Section, Sheet, section
from harness.report.wording import listed

THROTTLING_NOTE = (
    "When a server has used up its quota, it is throttled until the next period (100 ms). This raises the mean and the "
    "high percentiles of a burst. Short bursts show less of it: while other arms are visited, the quota refills."
)


def throttling_sections(summary: Summary) -> list[Section]:
    """Return the section if an arm has a CPU quota and the kernel counts throttling."""
    if not summary.throttled:
        return []
    stacks = list(dict.fromkeys(entry.arms for entry in summary.throttled))
    header = ("servers of", "quota\nCPUs each", *(f"{role} throttled\nfor" for role in SERVER_ROLES))
    rows = [_throttled_row(summary.throttled, arms) for arms in stacks]
    sheet = Sheet("Throttled periods and total throttled time of each server", header, rows)
    return [
        section("CPU quotas: throttled servers", [*_throttled_sentences(summary.throttled), THROTTLING_NOTE], [sheet])
    ]


def _throttled_sentences(entries: Sequence[Throttled]) -> Iterator[str]:
    throttled = list(dict.fromkeys(arm for entry in entries if entry.throttled_periods for arm in entry.arms))
    free = list(dict.fromkeys(arm for entry in entries for arm in entry.arms if arm not in throttled))
    if not throttled:
        yield "No server was throttled: every quota was sufficient."
    elif not free:
        yield "All servers were throttled."
    else:
        yield f"Throttled: {listed(throttled)}. Never throttled: {listed(free)}."


def _throttled_row(entries: Sequence[Throttled], arms: tuple[str, ...]) -> Row:
    of_stack = {entry.role: entry for entry in entries if entry.arms == arms}
    quota = next(iter(of_stack.values())).cpu_quota
    return (listed(arms), ""), (f"{quota:g}", ""), *(_throttled_cell(of_stack.get(role)) for role in SERVER_ROLES)


def _throttled_cell(entry: Throttled | None) -> Cell:
    """Return `40 of 121` periods and `1.52 s`."""
    if entry is None:
        return ABSENT, ""
    return f"{entry.throttled_periods} of {entry.periods}", f"{entry.throttled_us / 1e6:.2f} s"
