"""The sections on load, capacities and tails."""

from collections.abc import Collection, Iterator, Sequence

from harness.model import ArmSummary, Capacity, Interval, OpenLoopTimes, Summary, TailEffect
from harness.report.cells import (
    ABSENT,
    EFFECT_COLUMNS,
    effect_cells,
    format_milliseconds,
    star_notes,
)
from harness.report.document import Column, NumberCell, Row, Section, Table, TextCell
from harness.report.format import (
    format_significant,
    join_with_and,
    percent_interval,
    percent_with_interval,
    size_with_interval,
    verdict_counts,
)
from harness.report.select import has_several_references

MUCH_LONGER = 2.0  # times p99 of the closed loop
LATE_SHARE = 0.1  # of the median
COORDINATED_OMISSION = (
    "A closed loop sends nothing while it waits, so a stall is charged to one request only (coordinated omission). "
    "At a rate, requests are sent during the stall as well, and each is timed from its intended send time."
)
SHOWN_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}
MAX_TAIL_SENTENCES = 3  # differences of a percentile in words; more are only counted
MAX_TERMINAL_TAILS = 12  # rows of differences that a terminal shows
RESAMPLED = " Its differences have one, from resampled sessions."
SHOWN_WHERE = (
    "A percentile is shown if at least 10 requests exceed it: the mean over sessions if each session has that many, "
    "otherwise the percentile of all sessions together."
)


def load_sections(summary: Summary) -> list[Section]:
    """Return the sections on rates and capacities, if there are any."""
    return [*_paced_sections(summary), *_capacity_sections(summary)]


def _paced_sections(summary: Summary) -> Iterator[Section]:
    rows = [_paced_row(name, arm, arm.paced) for name, arm in summary.arms.items() if arm.paced]
    if rows:
        columns = (
            Column("arm"),
            Column("requests/s"),
            Column("p50 ms", "from actual send"),
            Column("p99 ms", "from actual send"),
            Column("send lag, us", "mean, p99"),
        )
        caption = "Timed from the intended send time and from the actual send"
        yield Section("Requests at a rate", list(_paced_sentences(summary)), [Table(caption, columns, rows)])


def _paced_row(name: str, arm: ArmSummary, paced: OpenLoopTimes) -> Row:
    return Row(
        (
            TextCell(name),
            NumberCell(format_significant(paced.rate_per_s, 4)),
            NumberCell(format_milliseconds(arm.p50_us), format_milliseconds(paced.from_sending["p50"])),
            NumberCell(format_milliseconds(arm.p99_us), format_milliseconds(paced.from_sending["p99"])),
            NumberCell(f"{paced.late['mean']:.0f}", f"{paced.late['p99']:.0f}"),
        )
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
            f"The client sent requests of {join_with_and(late)} late, by more than a tenth of the median "
            "latency. This lag is "
            "part of the times from the intended send time. A difference that the lag could explain has no verdict."
        )


def _is_late(arm: ArmSummary, paced: OpenLoopTimes) -> bool:
    return arm.p50_us is not None and paced.late["mean"] > LATE_SHARE * arm.p50_us


def _omission_sentences(summary: Summary) -> Iterator[str]:
    """Yield a sentence for each arm with a p99 far above that of the same arm in a closed loop."""
    for name, arm in summary.arms.items():
        closed = _closed_loop_arm(summary, arm)
        closed_us = summary.arms[closed].p99_us if closed else None
        if arm.paced and arm.p99_us and closed_us and arm.p99_us > MUCH_LONGER * closed_us:
            yield (
                f"{name}: p99 is {format_milliseconds(arm.p99_us)} ms at "
                f"{format_significant(arm.paced.rate_per_s, 4)} requests/s, but "
                f"{format_milliseconds(closed_us)} ms in the closed loop ({closed})."
            )


def _closed_loop_arm(summary: Summary, paced: ArmSummary) -> str | None:
    """Return the arm that has no rate and the same settings otherwise."""
    wanted = {key: value for key, value in paced.settings.items() if key != "rate"}
    alike = (name for name, arm in summary.arms.items() if arm.settings == wanted and arm.control_of is None)
    return next(alike, None)


def _capacity_sections(summary: Summary) -> Iterator[Section]:
    if summary.capacities:
        columns = (Column("arm"), Column("requests/s", "95 % interval"), Column("sessions"))
        rows = [_capacity_row(capacity) for capacity in summary.capacities]
        caption = f"Highest rate with p99 below {summary.capacities[0].p99_limit_ms:g} ms"
        yield Section("Capacity", list(_capacity_sentences(summary)), [Table(caption, columns, rows)])


def _capacity_row(capacity: Capacity) -> Row:
    value, *ends = (format_significant(number, 4) for number in _value_and_ends(capacity.per_s))
    return Row((TextCell(capacity.arm), NumberCell(value, " to ".join(ends)), NumberCell(str(capacity.sessions))))


def _value_and_ends(amount: Interval) -> list[float]:
    """Return the value, followed by the ends of its interval if there is one."""
    return [number for number in (amount.value, amount.low, amount.high) if number is not None]


def _capacity_sentences(summary: Summary) -> Iterator[str]:
    yield (
        "Each session finds the capacity by bisection, arm by arm in random order. A difference of +10 % means that "
        "the arm answers a tenth more requests per second."
    )
    bound = [capacity.arm for capacity in summary.capacities if capacity.client_bound]
    if bound:
        yield (
            f"The client was often late at the capacity of {join_with_and(bound)}, so the client may be the "
            "limit: give it a "
            "CPU of its own with placement."
        )
    silent = [name for name in summary.arms if name not in {capacity.arm for capacity in summary.capacities}]
    if silent:
        yield (
            f"No capacity for {join_with_and(silent)}: every rate exceeded the limit, or only one session has a result."
        )


def tail_sections(summary: Summary) -> list[Section]:
    """Return the section if any percentile above the median can be shown."""
    names = [name for name in SHOWN_PERCENTILES if any(name in arm.percentiles for arm in summary.arms.values())]
    if not {*names} - {"p50"}:
        return []
    differences = _tail_table(summary)
    sentences = [*_tail_sentences(summary), *_pooling_sentences(summary, names), SHOWN_WHERE]
    is_detail = "p99" not in names
    is_long = any(len(table.rows) > MAX_TERMINAL_TAILS for table in differences)
    return [
        Section("Tail latency", sentences, [_percentile_table(summary, names)], is_detail=is_detail),
        *(Section("", star_notes([table]), [table], is_detail=is_detail or is_long) for table in differences),
    ]


def _tail_table(summary: Summary) -> list[Table]:
    """Return the table of the differences, if there are any."""
    name = "{arm} against {against}" if has_several_references(summary.tails) else "{arm}"
    rows = [
        Row((TextCell(f"{name.format(arm=tail.arm, against=tail.against)}, p{tail.percentile:g}"), *effect_cells(tail)))
        for tail in summary.tails
    ]
    columns = (Column("arm"), *EFFECT_COLUMNS)
    return [Table("Differences of the percentiles", columns, rows)] if rows else []


def _percentile_table(summary: Summary, names: Sequence[str]) -> Table:
    columns = [Column("ms, 95 % interval"), *(Column(f"p{SHOWN_PERCENTILES[name]:g}") for name in names)]
    rows = [
        Row((TextCell(name), *(_percentile_cell(arm.percentiles.get(percentile)) for percentile in names)))
        for name, arm in summary.arms.items()
        if arm.percentiles
    ]
    return Table("Percentiles", columns, rows)


def _percentile_cell(us: Interval | None) -> NumberCell:
    if us is None:
        return NumberCell(ABSENT)
    value, *ends = (f"{number / 1000:.3f}" for number in _value_and_ends(us))
    return NumberCell(value, " to ".join(ends))


def _pooling_sentences(summary: Summary, names: Sequence[str]) -> Iterator[str]:
    """Yield which percentiles are of all sessions together, and why some of them have no interval."""
    for name in names:
        title = f"p{SHOWN_PERCENTILES[name]:g}"
        pooled = {arm: of_arm.percentiles[name] for arm, of_arm in summary.arms.items() if _is_pooled(of_arm, name)}
        if pooled:
            yield f"{title} of {_arm_names(summary, pooled)}: all sessions together."
        for why in dict.fromkeys(value.why for value in pooled.values() if value.why):
            arms = [arm for arm, value in pooled.items() if value.why == why]
            resampled = RESAMPLED if any(_is_resampled(tail, name) for tail in summary.tails) else ""
            yield f"{title} of {_arm_names(summary, arms)} has no interval of its own: {why}.{resampled}"


def _is_pooled(arm: ArmSummary, name: str) -> bool:
    return name in arm.percentiles and arm.percentiles[name].pooled


def _is_resampled(tail: TailEffect, name: str) -> bool:
    """Return whether the difference is of all sessions together and has an interval."""
    return tail.pooled and tail.percentile == SHOWN_PERCENTILES[name] and percent_interval(tail) is not None


def _arm_names(summary: Summary, names: Collection[str]) -> str:
    return "every arm" if len(names) == len(summary.arms) else join_with_and([*names])


def _tail_sentences(summary: Summary) -> Iterator[str]:
    """Yield a sentence for each percentile, without the controls."""
    tails = [tail for tail in summary.tails if summary.arms[tail.arm].control_of is None]
    for percentile in dict.fromkeys(tail.percentile for tail in tails):
        same = [tail for tail in tails if tail.percentile == percentile]
        if len(same) <= MAX_TAIL_SENTENCES:
            yield f"p{percentile:g}: {'; '.join(map(_tail_verdict, same))}."
        else:
            yield f"p{percentile:g}: {verdict_counts([tail.verdict for tail in same], None)}."


def _tail_verdict(tail: TailEffect) -> str:
    estimate = percent_interval(tail)
    if tail.verdict is None or estimate is None:
        return f"no verdict on {tail.arm} against {tail.against}: {tail.why.rstrip('.')}"
    if tail.verdict in ("faster", "slower"):
        return f"{tail.arm} is {tail.verdict} than {tail.against} {size_with_interval(estimate)}"
    joint = "equivalent to" if tail.verdict == "equivalent" else "undecided against"
    return f"{tail.arm} is {joint} {tail.against}, {percent_with_interval(estimate)}"
