"""The section on shares of a CPU: in how many of their periods servers were stopped, and for how long."""

from collections.abc import Iterator, Sequence

from harness.model import SERVER_ROLES, Summary, Throttled
from harness.report.sheet import ABSENT, Cell, Row, Section, Sheet, section
from harness.report.wording import listed

MEANING = (
    "A server that has used up its share stands still until the next period, which is 100 ms. That is in the mean of a "
    "burst and in its slow requests, and the shorter a burst, the less of it is seen: whoever rests while other arms "
    "are visited has a full share again."
)


def throttling_sections(summary: Summary) -> list[Section]:
    """None where no arm has a share, or the kernel does not count."""
    if not summary.throttled:
        return []
    stacks = list(dict.fromkeys(one.arms for one in summary.throttled))
    header = ("servers of", "CPUs each", *(f"{role} stopped\nfor" for role in SERVER_ROLES))
    rows = [_row(summary.throttled, arms) for arms in stacks]
    sheet = Sheet("In how many of its periods each was stopped, and for how long in all", header, rows)
    return [section("Who was stopped by a share of a CPU", [*_sentences(summary.throttled), MEANING], [sheet])]


def _sentences(found: Sequence[Throttled]) -> Iterator[str]:
    stopped = list(dict.fromkeys(arm for one in found if one.throttled_periods for arm in one.arms))
    free = list(dict.fromkeys(arm for one in found for arm in one.arms if arm not in stopped))
    if not stopped:
        yield "No server was stopped: every share was enough."
    elif not free:
        yield "All of them were stopped."
    else:
        yield f"Stopped: {listed(stopped)}. Never stopped: {listed(free)}."


def _row(found: Sequence[Throttled], arms: tuple[str, ...]) -> Row:
    of_stack = {one.role: one for one in found if one.arms == arms}
    quota = next(iter(of_stack.values())).cpu_quota
    return (listed(arms), ""), (f"{quota:g}", ""), *(_cell(of_stack.get(role)) for role in SERVER_ROLES)


def _cell(one: Throttled | None) -> Cell:
    """`40 of 121 periods`, `1.52 s`."""
    if one is None:
        return ABSENT, ""
    return f"{one.throttled_periods} of {one.periods}", f"{one.throttled_us / 1e6:.2f} s"
