"""The section on the ladder: its table, and sentences on it."""

from collections.abc import Iterator, Mapping, Sequence

from harness.experiment.transports import is_tcp
from harness.model import ArmEffect, CombinedRungs, Design, Ladder, LadderStep, RungEffect, Summary
from harness.report.cells import ABSENT, EFFECT_COLUMNS, effect_cells, star_notes
from harness.report.document import Cell, Column, NumberCell, Row, Section, Table, TextCell, VerdictCell
from harness.report.format import (
    NO_NUMBER,
    amount_interval,
    capitalize_first,
    format_signed,
    format_significant,
    interval_numbers,
    join_with_and,
    margin_phrase,
    percent_text,
    pluralize,
    us_interval,
    us_text,
    verdict_counts,
)
from harness.report.select import ladder_title, largest_bundle, rung_name, summed_steps

MAX_NAMED = 3  # mechanisms that the answer names
TINY, NEGLIGIBLE = 0.005, 0.05  # a change of a counter reads as zero below both; the second is of its half width
UNAVAILABLE = "left-out"
DIFFERENT = ("faster", "slower")
COUNTER_COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "the servers": {
        "cpu_us": Column("CPU us", "nginx + app"),
        "waiting_us": Column("waiting us", "nginx + app"),
        "switches": Column("switches", "nginx + app"),
    },
    "the network": {
        "segments": Column("TCP segments", "sent"),
        "lo_packets": Column("packets", "on lo"),
        "link_packets": Column("packets", "on links"),
        "softirqs": Column("network", "softirqs"),
    },
}
COUNTER_PHRASES = {
    "cpu_us": "CPU time {} us",
    "waiting_us": "waiting for a CPU {} us",
    "switches": "switches {}",
    "segments": "TCP segments {}",
    "lo_packets": "packets on lo {}",
    "link_packets": "packets on links {}",
    "softirqs": "network softirqs {}",
}
EFFECT_PHRASES = {
    "slower": "adds {us}, {percent}",
    "faster": "saves {saved}, {percent}",
    "equivalent": "adds nothing{margin}: {percent}",
    "undecided": "has an undecided effect: {percent}",
}
ADDITIVITY_PHRASES = {
    "additive": "they are additive{}",
    "more": "together they cost more than the sum",
    "less": "together they cost less than the sum",
    "undecided": "whether they are additive is undecided",
}


def ladder_sections(summary: Summary, design: Design | None) -> list[Section]:
    """Return a section for each ladder."""
    missing = unavailable_rungs(summary)
    return [
        _ladder_section(summary, ladder, design, missing if index == 0 else [])
        for index, ladder in enumerate(summary.ladders)
    ]


def _ladder_section(summary: Summary, ladder: Ladder, design: Design | None, missing: Sequence[str]) -> Section:
    tables = [_step_table(summary, ladder), *_counter_tables(ladder)]
    sentences = [*ladder_sentences(summary, ladder, design), *missing, *star_notes(tables)]
    return Section(f"What a container would add over {ladder_title(ladder)}", sentences, tables)


def _step_table(summary: Summary, ladder: Ladder) -> Table:
    """Return the steps that make up the whole, their sum and excess, the top, and the other steps."""
    typical_us = _typical_us(summary, ladder)
    steps, inside = dict(_step_rows(ladder, typical_us)), [step.arm for step in summed_steps(ladder)]
    bottom = (TextCell(ladder.bottom), NumberCell(), NumberCell(), VerdictCell("reference"))
    rows = [Row((*bottom, NumberCell(ABSENT) if typical_us is None else _total_cell(typical_us)))]
    rows += [steps[arm] for arm in inside]
    for bundle in ladder.together:
        named = {"the sum of these": bundle.sum, "all at once": bundle.measured, "beyond the sum": bundle.beyond}
        for name, effect in named.items():
            detail = bundle.measured.arm if effect is bundle.measured else ""
            rows += [Row((TextCell(name, detail), *effect_cells(effect), NumberCell()))] if effect else []
    if ladder.top:
        name = f"to {rung_name(ladder.top)} at once"
        rows.append(Row((TextCell(name), *effect_cells(ladder.top), NumberCell())))
    rows += [row for arm, row in steps.items() if arm not in inside]
    columns = (Column("rung"), *EFFECT_COLUMNS, Column("running total", "us"))
    return Table("Each rung against the rung below", columns, rows)


def _step_rows(ladder: Ladder, bottom_us: float | None) -> Iterator[tuple[str, Row]]:
    """Yield (arm, row); rows of network rungs end in the time of a request: the bottom plus the steps so far."""
    so_far, above = {ladder.bottom: bottom_us}, ladder.bottom
    for step in ladder.steps:
        below = so_far.get(step.against)
        so_far[step.arm] = None if below is None or step.us is None else below + step.us
        name = TextCell(rung_name(step), "" if step.against == above else f"on {step.against}")
        above = step.arm
        yield step.arm, Row((name, *effect_cells(step), _total_cell(so_far[step.arm], shown=step.kind == "network")))


def _total_cell(value: float | None, *, shown: bool = True) -> NumberCell:
    return NumberCell(format_significant(value, 3) if shown and value is not None else "")


def _counter_tables(ladder: Ladder) -> Iterator[Table]:
    steps = [step for step in ladder.steps if step.backing]
    nonzero = {name for step in steps for name, amount in step.backing.items() if amount.value}
    for subject, columns in COUNTER_COLUMNS.items():
        names = [name for name in columns if name in nonzero]
        rows = [Row((TextCell(rung_name(step)), *(_counter_cell(step, name) for name in names))) for step in steps]
        if names:
            caption = f"Counters of {subject} at each step, per request"
            yield Table(caption, (Column("rung"), *(columns[name] for name in names)), rows)


def _counter_cell(step: LadderStep, name: str) -> Cell:
    amount = step.backing.get(name)
    if amount is None or not amount.value:
        return NumberCell(ABSENT if amount is None else "0")
    reported = amount_interval(amount)
    if reported is None:
        return NumberCell(_count(amount.value))
    is_tiny = abs(amount.value) < min(TINY, NEGLIGIBLE * reported.half_width)
    return NumberCell(_count(0.0 if is_tiny else amount.value), f"{_count(reported.low)} to {_count(reported.high)}")


def _count(value: float) -> str:
    """Return a difference in events or microseconds: `+12.1`, `-0.05`."""
    return format_signed(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def ladder_answer(summary: Summary, design: Design | None) -> str:
    """Return one clause per ladder: the total, and the mechanisms that add most."""
    return f"{capitalize_first('; '.join(_ladder_clause(ladder, design) for ladder in summary.ladders))}."


def ladder_note(summary: Summary) -> str:
    """Return what the arms of a ladder are compared with; empty without a ladder."""
    if not summary.ladders:
        return ""
    return "Each arm is compared with the rung below it; an arm with several rungs at once is compared with the bottom."


def unavailable_rungs(summary: Summary) -> list[str]:
    """Return the rungs that this machine does not support, with the reason."""
    texts = dict.fromkeys(doubt.seen.rstrip(".") for doubt in summary.doubts if doubt.kind.endswith(UNAVAILABLE))
    return [f"Not available: {text}." for text in texts]


def _ladder_clause(ladder: Ladder, design: Design | None) -> str:
    bundle = largest_bundle(ladder)
    measured = bundle.measured if bundle else ladder.top or next(iter(ladder.steps), None)
    if measured is None:
        return f"over {ladder_title(ladder)}, nothing was compared"
    what = f"at once ({join_with_and(measured.rungs)})" if bundle else f"up to {rung_name(measured)}"
    adding = _by_size(step for step in summed_steps(ladder) if step.verdict == "slower")[:MAX_NAMED]
    largest = join_with_and([f"{rung_name(step)} ({_short_us(step)})" for step in adding]) if adding else ""
    mostly = f", mostly {largest}" if measured.verdict == "slower" and largest else ""
    return f"over {ladder_title(ladder)}, everything {what} {_effect_phrase(measured, design)}{mostly}"


def _effect_phrase(effect: RungEffect, design: Design | None) -> str:
    """Return `adds 37 us, +8.1 % (95 % interval +6.9 to +9.3)`."""
    if effect.verdict is None:
        return f"has no verdict ({effect.why.rstrip('.')})" if effect.why else "has no verdict"
    us, percent = _short_us(effect), percent_text(effect, named=True)
    phrase = EFFECT_PHRASES[effect.verdict]
    return phrase.format(us=us, saved=us.lstrip("-"), percent=percent, margin=margin_phrase(design))


def ladder_sentences(summary: Summary, ladder: Ladder, design: Design | None) -> list[str]:
    """Return all sentences on the ladder."""
    bundle = largest_bundle(ladder)
    return [
        *([_whole_sentence(summary, ladder, bundle, design)] if bundle else []),
        *_verdict_sentences(ladder, design),
        *([_additivity_sentence(bundle, design)] if bundle else []),
        *([_network_sentence(ladder.top)] if ladder.top else []),
        *_counter_sentences(ladder),
        *_negative_control(summary, ladder, design),
    ]


def _whole_sentence(summary: Summary, ladder: Ladder, bundle: CombinedRungs, design: Design | None) -> str:
    measured, typical_us = bundle.measured, _typical_us(summary, ladder)
    level = f"A request at the bottom ({ladder.bottom}) takes {format_significant(typical_us or 0, 3)} us."
    sentences = [
        f"All at once ({measured.arm}: {join_with_and(measured.rungs)}) {_effect_phrase(measured, design)}.",
        *([level] if typical_us else []),
        *(f"{step.arm} is {join_with_and(step.rungs)}." for step in ladder.steps if len(step.rungs) > 1),
    ]
    return " ".join(sentences)


def _verdict_sentences(ladder: Ladder, design: Design | None) -> Iterator[str]:
    """Yield the steps by their verdicts, and the steps that are not part of the whole."""
    bundle = largest_bundle(ladder)
    total = bundle.sum if bundle else ladder.top
    significant = _by_size(step for step in summed_steps(ladder) if step.verdict in DIFFERENT)
    if significant:
        parts = [f"{rung_name(step)} {us_text(step)}{_share(step, total)}" for step in significant]
        whole_us = f" (sum of the steps: {us_text(total)})" if total else ""
        yield f"Significant steps{whole_us}: {'; '.join(parts)}."
    equivalent = [rung_name(step) for step in ladder.steps if step.verdict == "equivalent"]
    if equivalent:
        yield f"No effect{margin_phrase(design)}: {join_with_and(equivalent)}."
    undecided = [f"{rung_name(step)} {percent_text(step)}" for step in ladder.steps if step.verdict == "undecided"]
    if undecided:
        yield f"Undecided: {'; '.join(undecided)}."
    for step in ladder.steps:
        if step.verdict is None:
            yield f"No verdict on {rung_name(step)}: {step.why.rstrip('.')}."
    inside = {step.arm for step in summed_steps(ladder)}
    others = [step for step in ladder.steps if step.arm not in inside]
    if others:
        parts = [f"{rung_name(step)} {us_text(step)} on top of {step.against}" for step in others]
        yield f"Not part of the whole: {'; '.join(parts)}."


def _additivity_sentence(bundle: CombinedRungs, design: Design | None) -> str:
    if bundle.sum is None or bundle.beyond is None:
        return (
            f"Whether the steps add up to {bundle.measured.arm} is unknown; not measured separately: "
            f"{join_with_and(bundle.missing)}."
        )
    if bundle.beyond.verdict is None:
        return f"Whether the steps add up is unknown: {bundle.beyond.why.rstrip('.')}."
    phrase = ADDITIVITY_PHRASES[bundle.beyond.verdict].format(margin_phrase(design))
    return (
        f"Sum of the steps: {us_text(bundle.sum)}; all at once: {us_text(bundle.measured)}; {phrase}: "
        f"{us_text(bundle.beyond)} or {percent_text(bundle.beyond)} beyond the sum."
    )


def _network_sentence(top: RungEffect) -> str:
    return f"The network alone, from {top.against} to {top.arm} at once: {us_text(top)}, {percent_text(top)}."


def _counter_sentences(ladder: Ladder) -> Iterator[str]:
    """Yield the counters of the significant steps."""
    parts = [
        f"{rung_name(step)}: {', '.join(_changed_counters(step)) or 'no counter differs significantly'}"
        for step in ladder.steps
        if step.verdict in DIFFERENT and step.backing
    ]
    if parts:
        yield f"Counters of these steps, per request: {'; '.join(parts)}."


def _changed_counters(step: LadderStep) -> Iterator[str]:
    for name, amount in step.backing.items():
        if amount.excludes_zero and name in COUNTER_PHRASES:
            yield COUNTER_PHRASES[name].format(_count(amount.value))


def _negative_control(summary: Summary, ladder: Ladder, design: Design | None) -> Iterator[str]:
    """Yield the negative control: network rungs below a hop that does not use the network."""
    network = [step for step in ladder.steps if step.kind == "network"]
    on_hop = all(summary.arms[step.arm].settings.get("network_leg", "hop") == "hop" for step in network)
    if not network or not on_hop or is_tcp(ladder.transport):
        return
    moved = [rung_name(step) for step in network if step.verdict in DIFFERENT]
    verdicts = verdict_counts([step.verdict for step in network], design)
    end = (
        f"{join_with_and(moved)} changed the time nevertheless (see Doubts)"
        if moved
        else f"of {pluralize(len(network), 'rung')}, {verdicts}"
    )
    yield f"A Unix socket does not use the network, so its network rungs are a negative control: {end}."


def _typical_us(summary: Summary, ladder: Ladder) -> float | None:
    """Return the time of a request at the bottom."""
    return summary.arms[ladder.bottom].p50_us or summary.arms[ladder.bottom].mean_us


def _short_us(effect: ArmEffect) -> str:
    """Return `13 us`, or `-13 us` for a saving."""
    estimate = us_interval(effect)
    return f"{interval_numbers(estimate, 0)[0].lstrip('+')} us" if estimate else NO_NUMBER


def _share(part: ArmEffect, total: ArmEffect | None) -> str:
    """Return `, 36 %`: the share of `total`; empty if either may be zero or the signs differ."""
    part_us, total_us = us_interval(part), us_interval(total) if total else None
    if not part_us or not total_us or not (part_us.excludes_zero and total_us.excludes_zero):
        return ""
    percent = 100 * part_us.value / total_us.value
    return f", {percent:.0f} %" if 0 < percent <= 100 else ""


def _by_size(steps: Iterator[LadderStep]) -> list[LadderStep]:
    return sorted(steps, key=lambda step: -abs(step.us or 0))
