"""The sections on load: open-loop requests at a rate, and capacity."""

from collections.abc import Iterator

from harness.model import ArmSummary, Capacity, Paced, Summary
from harness.report.sheet import Cell, Row, Section, Sheet, milliseconds, section
from harness.report.wording import listed, rounded

MUCH_LONGER = 2.0  # times p99 of the closed loop
LATE_SHARE = 0.1  # of the median
COORDINATED_OMISSION = (
    "A closed loop sends nothing while it waits, so a stall is charged to one request only (coordinated omission). "
    "At a rate, requests are sent during the stall as well, and each is timed from its intended send time."
)


def load_sections(summary: Summary) -> list[Section]:
    """Return the sections on rates and capacities, if there are any."""
    return [*_paced_sections(summary), *_capacity_sections(summary)]


def _paced_sections(summary: Summary) -> Iterator[Section]:
    arms = {name: arm.paced for name, arm in summary.arms.items() if arm.paced}
    if arms:
        header = (
            "arm",
            "requests/s",
            "p50 ms\nfrom actual send",
            "p99 ms\nfrom actual send",
            "send lag, us\nmean, p99",
        )
        rows = [_paced_row(name, summary.arms[name], paced) for name, paced in arms.items()]
        sheet = Sheet("Timed from the intended send time and, in brackets, from the actual send", header, rows)
        yield section("Requests at a rate", list(_paced_sentences(summary)), [sheet])


def _paced_row(name: str, arm: ArmSummary, paced: Paced) -> Row:
    return (
        (name, ""),
        (rounded(paced.rate_per_s, 4), ""),
        (milliseconds(arm.p50_us), milliseconds(paced.from_sending["p50"])),
        (milliseconds(arm.p99_us), milliseconds(paced.from_sending["p99"])),
        (f"{paced.late['mean']:.0f}", f"{paced.late['p99']:.0f}"),
    )


def _paced_sentences(summary: Summary) -> Iterator[str]:
    yield "Open loop: requests are sent at random times with the given mean rate, the same for all arms of a round."
    omissions = list(_omission_sentences(summary))
    yield from omissions
    if omissions:
        yield COORDINATED_OMISSION
    late = [name for name, arm in summary.arms.items() if arm.paced and _is_late(arm, arm.paced)]
    if late:
        yield (
            f"The client sent requests of {listed(late)} late, by more than a tenth of the median latency. This lag is "
            "part of the times from the intended send time. A difference that the lag could explain has no verdict."
        )


def _is_late(arm: ArmSummary, paced: Paced) -> bool:
    return arm.p50_us is not None and paced.late["mean"] > LATE_SHARE * arm.p50_us


def _omission_sentences(summary: Summary) -> Iterator[str]:
    """Yield a sentence for each arm with a p99 far above that of the same arm in a closed loop."""
    for name, arm in summary.arms.items():
        closed = _closed_loop_arm(summary, arm)
        closed_us = summary.arms[closed].p99_us if closed else None
        if arm.paced and arm.p99_us and closed_us and arm.p99_us > MUCH_LONGER * closed_us:
            yield (
                f"{name}: p99 is {milliseconds(arm.p99_us)} ms at {rounded(arm.paced.rate_per_s, 4)} requests/s, but "
                f"{milliseconds(closed_us)} ms in the closed loop ({closed})."
            )


def _closed_loop_arm(summary: Summary, paced: ArmSummary) -> str | None:
    """Return the arm that has no rate and the same settings otherwise."""
    wanted = {key: value for key, value in paced.settings.items() if key != "rate"}
    alike = (name for name, arm in summary.arms.items() if arm.settings == wanted and arm.control_of is None)
    return next(alike, None)


def _capacity_sections(summary: Summary) -> Iterator[Section]:
    if not summary.capacities:
        return
    header = ("arm", "requests/s\n95 % interval", "sessions")
    rows = [_capacity_row(capacity) for capacity in summary.capacities]
    limit_ms = summary.capacities[0].p99_limit_ms
    caption = f"Highest rate with p99 below {limit_ms:g} ms"
    yield section("Capacity", list(_capacity_sentences(summary)), [Sheet(caption, header, rows)])


def _capacity_row(capacity: Capacity) -> Row:
    return (capacity.arm, ""), _capacity_cell(capacity), (str(capacity.sessions), "")


def _capacity_cell(capacity: Capacity) -> Cell:
    value = rounded(capacity.per_s.value, 4)
    low, high = capacity.per_s.low, capacity.per_s.high
    return (value, "") if low is None or high is None else (value, f"{rounded(low, 4)} to {rounded(high, 4)}")


def _capacity_sentences(summary: Summary) -> Iterator[str]:
    yield (
        "Each session finds the capacity by bisection, arm by arm in random order. Differences between arms are in "
        "time per request at that rate: -10 % means a capacity higher by one ninth."
    )
    bound = [capacity.arm for capacity in summary.capacities if capacity.client_bound]
    if bound:
        yield (
            f"The client was often late at the capacity of {listed(bound)}, so the client may be the limit: give it a "
            "CPU of its own with placement."
        )
    silent = [name for name in summary.arms if name not in {capacity.arm for capacity in summary.capacities}]
    if silent:
        yield f"No capacity for {listed(silent)}: every rate exceeded the limit, or only one session has a result."
