"""The section on the ladder: its table, and what it says."""

from collections.abc import Iterator, Mapping, Sequence

from harness.experiment.transports import is_tcp
from harness.model import Additivity, CombinedRungs, Design, Interval, Ladder, LadderStep, RungEffect, Summary, Verdict
from harness.report.caveats import budget_clause
from harness.report.format import (
    capitalize_first,
    format_significant,
    join_with_and,
    margin_phrase,
    percent_text,
    pluralize,
    us_text,
    verdict_counts,
)
from harness.report.sections.ladder_words import (
    NETWORK_COUNTERS,
    SERVER_COUNTERS,
    format_count,
    share_text,
    short_us_text,
    sort_by_size,
)
from harness.report.select import ladder_title, largest_bundle, rung_name, summed_steps
from harness.report.table import (
    ABSENT,
    EMPTY_CELL,
    DataTable,
    TableCell,
    TableRow,
    TextSection,
    difference_cells,
    make_section,
)

LADDER_HEADER = ("rung", "difference\n95 % interval", "us\n95 % interval", "verdict", "running total\nus")
MAX_NAMED = 3  # mechanisms that the answer names
UNAVAILABLE = "left-out"
COUNTER_PHRASES = {
    "cpu_us": "CPU time {} us",
    "waiting_us": "waiting for a CPU {} us",
    "switches": "switches {}",
    "segments": "TCP segments {}",
    "lo_packets": "packets on lo {}",
    "link_packets": "packets on links {}",
    "softirqs": "network softirqs {}",
}


def ladder_sections(summary: Summary, design: Design | None) -> list[TextSection]:
    """Return a section for each ladder."""
    missing = unavailable_rungs(summary)
    return [
        make_section(
            f"What a container would add over {ladder_title(ladder)}",
            [*ladder_sentences(summary, ladder, design), *(missing if index == 0 else [])],
            [_waterfall_sheet(summary, ladder), *_counter_sheets(ladder)],
        )
        for index, ladder in enumerate(summary.ladders)
    ]


def _waterfall_sheet(summary: Summary, ladder: Ladder) -> DataTable:
    bottom = summary.arms[ladder.bottom]
    typical_us = bottom.p50_us or bottom.mean_us
    level = ABSENT if typical_us is None else format_significant(typical_us, 3)
    steps, inside = dict(_step_rows(ladder, typical_us)), [step.arm for step in summed_steps(ladder)]
    rows: list[TableRow] = [((ladder.bottom, ""), EMPTY_CELL, EMPTY_CELL, ("reference", ""), (level, ""))]
    rows += [steps[arm] for arm in inside]
    for step in ladder.together:
        rows += _bundle_rows(step)
    if ladder.top:
        rows.append(((f"to {rung_name(ladder.top)} at once", ""), *difference_cells(ladder.top), EMPTY_CELL))
    rows += [row for arm, row in steps.items() if arm not in inside]
    return DataTable("Each rung against the rung below", LADDER_HEADER, rows)


def _step_rows(ladder: Ladder, bottom_us: float | None) -> Iterator[tuple[str, TableRow]]:
    """Yield (arm, row); rows of network rungs end in the time of a request: the bottom plus the steps so far."""
    so_far, above = {ladder.bottom: bottom_us}, ladder.bottom
    for step in ladder.steps:
        below = so_far.get(step.against)
        so_far[step.arm] = None if below is None or step.us is None else below + step.us
        reached = _total_cell(so_far[step.arm] if step.kind == "network" else None)
        name = (rung_name(step), "" if step.against == above else f"on {step.against}")
        above = step.arm
        yield step.arm, (name, *difference_cells(step), reached)


def _total_cell(value: float | None) -> TableCell:
    return EMPTY_CELL if value is None else (format_significant(value, 3), "")


def _bundle_rows(bundle: CombinedRungs) -> Iterator[TableRow]:
    if bundle.sum:
        yield ("the sum of these", ""), *difference_cells(bundle.sum), EMPTY_CELL
    yield ("all at once", bundle.measured.arm), *difference_cells(bundle.measured), EMPTY_CELL
    if bundle.beyond:
        yield ("beyond the sum", ""), *difference_cells(bundle.beyond), EMPTY_CELL


def _counter_sheets(ladder: Ladder) -> Iterator[DataTable]:
    steps = [step for step in ladder.steps if step.backing]
    nonzero = {name for step in steps for name, amount in step.backing.items() if amount.value}
    for subject, labels in {"the servers": SERVER_COUNTERS, "the network": NETWORK_COUNTERS}.items():
        names = [name for name in labels if name in nonzero]
        rows = [((rung_name(step), ""), *(_counter_cell(step.backing.get(name)) for name in names)) for step in steps]
        if names:
            caption = f"Counters of {subject} at each step, per request"
            yield DataTable(caption, ("rung", *(labels[name] for name in names)), rows)


def _counter_cell(amount: Interval | None) -> TableCell:
    if amount is None or not amount.value:
        return ABSENT if amount is None else "0", ""
    low_high = (
        ""
        if amount.low is None or amount.high is None
        else f"{format_count(amount.low)} to {format_count(amount.high)}"
    )
    return format_count(amount.value), low_high


def ladder_answer(summary: Summary, design: Design | None) -> str:
    """Return one clause per ladder: the total, and the mechanisms that add most."""
    return f"{capitalize_first('; '.join(_ladder_clause(ladder, design) for ladder in summary.ladders))}."


def ladder_note(summary: Summary) -> str:
    """Return what the arms of a ladder are compared with; empty without a ladder."""
    if not summary.ladders:
        return ""
    return "Each arm is compared with the rung below it; an arm with several rungs at once is compared with the bottom."


def ladder_sentences(summary: Summary, ladder: Ladder, design: Design | None) -> list[str]:
    """Return all sentences on the ladder."""
    bundle = largest_bundle(ladder)
    return [
        *([_whole_sentence(summary, ladder, bundle, design)] if bundle else []),
        *_significant_steps(ladder, bundle),
        *_equivalent_steps(ladder, design),
        *_undecided_steps(summary, ladder),
        *_separate_steps(ladder),
        *([_additivity_sentence(bundle, design)] if bundle else []),
        *([_network_sentence(ladder.top)] if ladder.top else []),
        *_counter_sentences(ladder),
        *_negative_control(summary, ladder, design),
    ]


def unavailable_rungs(summary: Summary) -> list[str]:
    """Return the rungs that this machine does not support, with the reason."""
    texts = dict.fromkeys(doubt.seen.rstrip(".") for doubt in summary.doubts if doubt.kind.endswith(UNAVAILABLE))
    return [f"Not available: {text}." for text in texts]


def _ladder_clause(ladder: Ladder, design: Design | None) -> str:
    bundle = largest_bundle(ladder)
    measured = bundle.measured if bundle else ladder.top or next(iter(ladder.steps), None)
    if measured is None:
        return f"over {ladder_title(ladder)}, nothing was compared"
    what = (
        f"everything at once ({join_with_and(measured.rungs)})" if bundle else f"everything up to {rung_name(measured)}"
    )
    return f"over {ladder_title(ladder)}, {what} {_effect_phrase(measured, design)}{_largest_steps(ladder, measured)}"


def _effect_phrase(climb: RungEffect, design: Design | None) -> str:
    """Return `adds 37 us, +8.1 % (95 % interval +6.9 to +9.3)`."""
    if climb.verdict is None:
        return f"has no verdict{f' ({climb.why.rstrip(chr(46))})' if climb.why else ''}"
    phrases: Mapping[Verdict, str] = {
        "slower": f"adds {short_us_text(climb)}, {percent_text(climb, named=True)}",
        "faster": f"saves {short_us_text(climb).lstrip('-')}, {percent_text(climb, named=True)}",
        "equivalent": f"adds nothing{margin_phrase(design)}: {percent_text(climb, named=True)}",
        "undecided": f"has an undecided effect: {percent_text(climb, named=True)}",
    }
    return phrases[climb.verdict]


def _largest_steps(ladder: Ladder, measured: RungEffect) -> str:
    """Return the mechanisms that add most, if the whole adds anything."""
    adding = sort_by_size([step for step in summed_steps(ladder) if step.verdict == "slower"])[:MAX_NAMED]
    if measured.verdict != "slower" or not adding:
        return ""
    return f", mostly {join_with_and([f'{rung_name(step)} ({short_us_text(step)})' for step in adding])}"


def _whole_sentence(summary: Summary, ladder: Ladder, bundle: CombinedRungs, design: Design | None) -> str:
    measured, bottom = bundle.measured, summary.arms[ladder.bottom]
    typical_us = bottom.p50_us or bottom.mean_us
    on = (
        f" A request at the bottom ({ladder.bottom}) takes {format_significant(typical_us, 3)} us."
        if typical_us
        else ""
    )
    bundles = "".join(f" {step.arm} is {join_with_and(step.rungs)}." for step in ladder.steps if len(step.rungs) > 1)
    return (
        f"All at once ({measured.arm}: {join_with_and(measured.rungs)}) "
        f"{_effect_phrase(measured, design)}.{on}{bundles}"
    )


def _significant_steps(ladder: Ladder, bundle: CombinedRungs | None) -> Iterator[str]:
    """Yield the significant steps, the largest first, with their shares of the sum."""
    significant = sort_by_size([step for step in summed_steps(ladder) if step.verdict in ("faster", "slower")])
    if significant:
        total = bundle.sum if bundle else ladder.top
        parts = [f"{rung_name(step)} {us_text(step)}{share_text(step, total)}" for step in significant]
        whole_us = f" (sum of the steps: {us_text(total)})" if total else ""
        yield f"Significant steps{whole_us}: {'; '.join(parts)}."


def _equivalent_steps(ladder: Ladder, design: Design | None) -> Iterator[str]:
    names = [rung_name(step) for step in ladder.steps if step.verdict == "equivalent"]
    if names:
        yield f"No effect{margin_phrase(design)}: {join_with_and(names)}."


def _undecided_steps(summary: Summary, ladder: Ladder) -> Iterator[str]:
    undecided = [step for step in ladder.steps if step.verdict == "undecided"]
    if undecided:
        parts = [f"{rung_name(step)} {percent_text(step)}" for step in undecided]
        yield f"Undecided: {'; '.join(parts)}{budget_clause(summary)}."
    silent = [step for step in ladder.steps if step.verdict is None]
    for step in silent:
        yield f"No verdict on {rung_name(step)}: {step.why.rstrip('.')}."


def _separate_steps(ladder: Ladder) -> Iterator[str]:
    """Yield the rungs that are not part of the whole."""
    inside = {step.arm for step in summed_steps(ladder)}
    others = [step for step in ladder.steps if step.arm not in inside]
    if others:
        parts = [f"{rung_name(step)} {us_text(step)} on top of {step.against}" for step in others]
        yield f"Not part of the whole: {'; '.join(parts)}."


def _additivity_sentence(bundle: CombinedRungs, design: Design | None) -> str:
    if bundle.missing:
        return (
            f"Whether the steps add up to {bundle.measured.arm} is unknown; not measured separately: "
            f"{join_with_and(bundle.missing)}."
        )
    assert bundle.sum is not None
    assert bundle.beyond is not None
    if bundle.beyond.verdict is None:
        return f"Whether the steps add up is unknown: {bundle.beyond.why.rstrip('.')}."
    phrases: Mapping[Additivity, str] = {
        "additive": f"they are additive{margin_phrase(design)}",
        "more": "together they cost more than the sum",
        "less": "together they cost less than the sum",
        "undecided": "whether they are additive is undecided",
    }
    return (
        f"Sum of the steps: {us_text(bundle.sum)}; all at once: {us_text(bundle.measured)}; "
        f"{phrases[bundle.beyond.verdict]}: {us_text(bundle.beyond)} or {percent_text(bundle.beyond)} beyond the sum."
    )


def _network_sentence(top: RungEffect) -> str:
    return f"The network alone, from {top.against} to {top.arm} at once: {us_text(top)}, {percent_text(top)}."


def _counter_sentences(ladder: Ladder) -> Iterator[str]:
    """Yield the counters of the significant steps."""
    parts = [
        f"{rung_name(step)}: {', '.join(_changed_counters(step)) or 'no counter differs significantly'}"
        for step in ladder.steps
        if step.verdict in ("faster", "slower") and step.backing
    ]
    if parts:
        yield f"Counters of these steps, per request: {'; '.join(parts)}."


def _changed_counters(step: LadderStep) -> Iterator[str]:
    for name, amount in step.backing.items():
        if amount.excludes_zero and name in COUNTER_PHRASES:
            yield COUNTER_PHRASES[name].format(format_count(amount.value))


def _negative_control(summary: Summary, ladder: Ladder, design: Design | None) -> Iterator[str]:
    """Yield the negative control: network rungs below a hop that does not use the network."""
    network = [step for step in ladder.steps if step.kind == "network"]
    on_hop = all(summary.arms[step.arm].settings.get("network_leg", "hop") == "hop" for step in network)
    if not network or not on_hop or is_tcp(ladder.transport):
        return
    significant = [rung_name(step) for step in network if step.verdict in ("faster", "slower")]
    end = (
        f"{join_with_and(significant)} changed the time nevertheless (see Doubts)."
        if significant
        else f"{_control_verdicts(network, design)}."
    )
    yield f"A Unix socket does not use the network, so its network rungs are a negative control: {end}"


def _control_verdicts(steps: Sequence[LadderStep], design: Design | None) -> str:
    """Return `of 7 rungs, 5 are equivalent within 1 % and 2 are undecided`."""
    return f"of {pluralize(len(steps), 'rung')}, {verdict_counts([step.verdict for step in steps], design)}"
