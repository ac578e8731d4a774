"""The sections on ladders: for each transport sentences, a waterfall table and the counters."""

from collections.abc import Iterator

from harness.model import Amount, Design, Ladder, Summary, Together
from harness.report.ladder.sentences import ladder_sentences, left_out
from harness.report.ladder.words import OF_NETWORK, OF_SERVERS, count, in_the_sum, rung_name, title
from harness.report.sheet import ABSENT, NOTHING, Cell, Row, Section, Sheet, difference_cells, section
from harness.report.wording import rounded

HEADER = ("rung", "difference\n95 % interval", "us\n95 % interval", "verdict", "running total\nus")


def ladder_sections(summary: Summary, design: Design | None) -> list[Section]:
    """Return a section for each ladder."""
    missing = left_out(summary)
    return [
        section(
            f"What a container would add over {title(ladder)}",
            [*ladder_sentences(summary, ladder, design), *(missing if index == 0 else [])],
            [_waterfall_sheet(summary, ladder), *_counter_sheets(ladder)],
        )
        for index, ladder in enumerate(summary.ladders)
    ]


def _waterfall_sheet(summary: Summary, ladder: Ladder) -> Sheet:
    bottom = summary.arms[ladder.bottom]
    typical_us = bottom.p50_us or bottom.mean_us
    level = ABSENT if typical_us is None else rounded(typical_us, 3)
    steps, inside = dict(_step_rows(ladder, typical_us)), [step.arm for step in in_the_sum(ladder)]
    rows: list[Row] = [((ladder.bottom, ""), NOTHING, NOTHING, ("reference", ""), (level, ""))]
    rows += [steps[arm] for arm in inside]
    for step in ladder.together:
        rows += _bundle_rows(step)
    if ladder.top:
        rows.append(((f"to {rung_name(ladder.top)} at once", ""), *difference_cells(ladder.top), NOTHING))
    rows += [row for arm, row in steps.items() if arm not in inside]
    return Sheet("Each rung against the rung below", HEADER, rows)


def _step_rows(ladder: Ladder, bottom_us: float | None) -> Iterator[tuple[str, Row]]:
    """Yield (arm, row); rows of network rungs end in the time of a request: the bottom plus the steps so far."""
    so_far, above = {ladder.bottom: bottom_us}, ladder.bottom
    for step in ladder.steps:
        below = so_far.get(step.against)
        so_far[step.arm] = None if below is None or step.us is None else below + step.us
        reached = _total_cell(so_far[step.arm] if step.kind == "network" else None)
        name = (rung_name(step), "" if step.against == above else f"on {step.against}")
        above = step.arm
        yield step.arm, (name, *difference_cells(step), reached)


def _total_cell(value: float | None) -> Cell:
    return NOTHING if value is None else (rounded(value, 3), "")


def _bundle_rows(bundle: Together) -> Iterator[Row]:
    if bundle.sum:
        yield ("the sum of these", ""), *difference_cells(bundle.sum), NOTHING
    yield ("all at once", bundle.measured.arm), *difference_cells(bundle.measured), NOTHING
    if bundle.beyond:
        yield ("beyond the sum", ""), *difference_cells(bundle.beyond), NOTHING


def _counter_sheets(ladder: Ladder) -> Iterator[Sheet]:
    steps = [step for step in ladder.steps if step.backing]
    nonzero = {name for step in steps for name, amount in step.backing.items() if amount.value}
    for subject, labels in {"the servers": OF_SERVERS, "the network": OF_NETWORK}.items():
        names = [name for name in labels if name in nonzero]
        rows = [((rung_name(step), ""), *(_counter_cell(step.backing.get(name)) for name in names)) for step in steps]
        if names:
            caption = f"Counters of {subject} at each step, per request"
            yield Sheet(caption, ("rung", *(labels[name] for name in names)), rows)


def _counter_cell(amount: Amount | None) -> Cell:
    if amount is None or not amount.value:
        return ABSENT if amount is None else "0", ""
    low_high = "" if amount.low is None or amount.high is None else f"{count(amount.low)} to {count(amount.high)}"
    return count(amount.value), low_high
