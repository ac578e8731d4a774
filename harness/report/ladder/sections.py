"""The sections on ladders: one for each transport, in words, as a waterfall in a table, and with what was counted."""

from collections.abc import Iterator

from harness.model import Amount, Design, Ladder, Summary, Together
from harness.report.ladder.sentences import ladder_sentences, left_out
from harness.report.ladder.words import OF_NETWORK, OF_SERVERS, count, in_the_sum, rung_name, title
from harness.report.sheet import ABSENT, NOTHING, Cell, Row, Section, Sheet, difference_cells, section
from harness.report.wording import rounded

HEADER = ("rung", "difference\n95 % interval", "us\n95 % interval", "verdict", "so far\nus")


def ladder_sections(summary: Summary, design: Design | None) -> list[Section]:
    """None where nothing climbs."""
    missing = left_out(summary)
    return [
        section(
            f"What a container would add over {title(ladder)}",
            [*ladder_sentences(summary, ladder, design), *(missing if place == 0 else [])],
            [_waterfall(summary, ladder), *_backing(ladder)],
        )
        for place, ladder in enumerate(summary.ladders)
    ]


def _waterfall(summary: Summary, ladder: Ladder) -> Sheet:
    bottom = summary.arms[ladder.bottom]
    typical_us = bottom.p50_us or bottom.mean_us
    level = ABSENT if typical_us is None else rounded(typical_us, 3)
    steps, inside = dict(_steps(ladder, typical_us)), [one.arm for one in in_the_sum(ladder)]
    rows: list[Row] = [((ladder.bottom, ""), NOTHING, NOTHING, ("reference", ""), (level, ""))]
    rows += [steps[arm] for arm in inside]
    for one in ladder.together:
        rows += _together(one)
    if ladder.top:
        rows.append(((f"to {rung_name(ladder.top)} at once", ""), *difference_cells(ladder.top), NOTHING))
    rows += [row for arm, row in steps.items() if arm not in inside]
    return Sheet("Each rung against the one below", HEADER, rows)


def _steps(ladder: Ladder, bottom_us: float | None) -> Iterator[tuple[str, Row]]:
    """By arm; beside each network rung how long a request takes there, by the steps that lead to it."""
    so_far, above = {ladder.bottom: bottom_us}, ladder.bottom
    for one in ladder.steps:
        below = so_far.get(one.against)
        so_far[one.arm] = None if below is None or one.us is None else below + one.us
        reached = _us(so_far[one.arm] if one.kind == "network" else None)
        name = (rung_name(one), "" if one.against == above else f"on {one.against}")
        above = one.arm
        yield one.arm, (name, *difference_cells(one), reached)


def _us(value: float | None) -> Cell:
    return NOTHING if value is None else (rounded(value, 3), "")


def _together(one: Together) -> Iterator[Row]:
    if one.sum:
        yield ("the sum of these", ""), *difference_cells(one.sum), NOTHING
    yield ("all at once", one.measured.arm), *difference_cells(one.measured), NOTHING
    if one.beyond:
        yield ("beyond the sum", ""), *difference_cells(one.beyond), NOTHING


def _backing(ladder: Ladder) -> Iterator[Sheet]:
    steps = [one for one in ladder.steps if one.backing]
    moved = {name for one in steps for name, seen in one.backing.items() if seen.value}
    for whose, counted in {"the servers": OF_SERVERS, "the network": OF_NETWORK}.items():
        names = [name for name in counted if name in moved]
        rows = [((rung_name(one), ""), *(_amount(one.backing.get(name)) for name in names)) for one in steps]
        if names:
            caption = f"What was counted of {whose} at each step, per request"
            yield Sheet(caption, ("rung", *(counted[name] for name in names)), rows)


def _amount(seen: Amount | None) -> Cell:
    if seen is None or not seen.value:
        return ABSENT if seen is None else "0", ""
    low_high = "" if seen.low is None or seen.high is None else f"{count(seen.low)} to {count(seen.high)}"
    return count(seen.value), low_high
