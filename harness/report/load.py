"""The sections on load: requests that were sent at a rate, and how high a rate can be borne."""

from collections.abc import Iterator

from harness.model import ArmSummary, Capacity, Paced, Summary
from harness.report.sheet import ABSENT, Cell, Row, Section, Sheet, section
from harness.report.wording import listed, rounded

MUCH_LONGER = 2.0  # times p99 of a closed loop
LATE_SHARE = 0.1  # of the median: more is said
OMITTED = (
    "A closed loop sends nothing while it waits, so a stall costs it one slow request and hides those that would have "
    "been sent meanwhile (coordinated omission); at a rate they are sent, and their wait counts from when they were "
    "meant to be."
)


def load_sections(summary: Summary) -> list[Section]:
    """None where requests followed each other only."""
    return [*_paced(summary), *_capacities(summary)]


def _paced(summary: Summary) -> Iterator[Section]:
    arms = {name: arm.paced for name, arm in summary.arms.items() if arm.paced}
    if arms:
        header = (
            "arm",
            "requests/s",
            "p50 ms\nfrom sending",
            "p99 ms\nfrom sending",
            "sent late, us\nmean, p99",
        )
        rows = [_paced_row(name, summary.arms[name], paced) for name, paced in arms.items()]
        sheet = Sheet("From when a request was meant to be sent, and beside it from when it was", header, rows)
        yield section("Requests at a rate", list(_paced_sentences(summary)), [sheet])


def _paced_row(name: str, arm: ArmSummary, paced: Paced) -> Row:
    return (
        (name, ""),
        (rounded(paced.rate_per_s, 4), ""),
        (_ms(arm.p50_us), _ms(paced.from_sending["p50"])),
        (_ms(arm.p99_us), _ms(paced.from_sending["p99"])),
        (f"{paced.late['mean']:.0f}", f"{paced.late['p99']:.0f}"),
    )


def _paced_sentences(summary: Summary) -> Iterator[str]:
    yield "Requests are sent at random times that average the rate, the same times for all arms of a round."
    omitted = list(_omissions(summary))
    yield from omitted
    if omitted:
        yield OMITTED
    late = [name for name, arm in summary.arms.items() if arm.paced and _is_late(arm, arm.paced)]
    if late:
        yield (
            f"The client itself was late for {listed(late)} by more than a tenth of the median; that is in the times "
            "that count from when requests were meant to be sent. A difference that it could explain has no verdict."
        )


def _is_late(arm: ArmSummary, paced: Paced) -> bool:
    return arm.p50_us is not None and paced.late["mean"] > LATE_SHARE * arm.p50_us


def _omissions(summary: Summary) -> Iterator[str]:
    """Each arm at a rate whose p99 is far from that of the same arm in a closed loop."""
    for name, arm in summary.arms.items():
        closed = _closed(summary, arm)
        closed_us = summary.arms[closed].p99_us if closed else None
        if arm.paced and arm.p99_us and closed_us and arm.p99_us > MUCH_LONGER * closed_us:
            yield (
                f"{name}: p99 is {_ms(arm.p99_us)} ms at {rounded(arm.paced.rate_per_s, 4)} requests/s, and "
                f"{_ms(closed_us)} ms in the closed loop ({closed})."
            )


def _closed(summary: Summary, paced: ArmSummary) -> str | None:
    """The arm that differs in the rate alone, and has none."""
    wanted = {key: value for key, value in paced.settings.items() if key != "rate"}
    alike = (name for name, arm in summary.arms.items() if arm.settings == wanted and arm.control_of is None)
    return next(alike, None)


def _capacities(summary: Summary) -> Iterator[Section]:
    if not summary.capacities:
        return
    header = ("arm", "requests/s\n95 % interval", "sessions")
    rows = [_capacity_row(one) for one in summary.capacities]
    limit_ms = summary.capacities[0].p99_limit_ms
    caption = f"The highest rate at which p99 stays below {limit_ms:g} ms"
    yield section("Capacity", list(_capacity_sentences(summary)), [Sheet(caption, header, rows)])


def _capacity_row(one: Capacity) -> Row:
    return (one.arm, ""), _interval(one), (str(one.sessions), "")


def _interval(one: Capacity) -> Cell:
    value = rounded(one.per_s.value, 4)
    low, high = one.per_s.low, one.per_s.high
    return (value, "") if low is None or high is None else (value, f"{rounded(low, 4)} to {rounded(high, 4)}")


def _capacity_sentences(summary: Summary) -> Iterator[str]:
    yield (
        "Each session finds it by halving, arm by arm in random order. Differences between arms are in time per "
        "request at that rate: -10 % is a capacity higher by a ninth."
    )
    bound = [one.arm for one in summary.capacities if one.client_bound]
    if bound:
        yield (
            f"The client was often late at the capacity of {listed(bound)}, so the limit may be the client's own: give "
            "it a CPU of its own with placement."
        )
    silent = [name for name in summary.arms if name not in {one.arm for one in summary.capacities}]
    if silent:
        yield f"{listed(silent)} held the limit at no rate that was tried, or in one session only."


def _ms(us: float | None) -> str:
    return ABSENT if us is None else f"{us / 1000:.3f}"
