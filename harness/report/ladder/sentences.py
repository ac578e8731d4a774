"""Sentences on a ladder: what a container would add over one transport, by mechanism, and what is undecided."""

from collections.abc import Iterator, Mapping, Sequence

from harness.model import Additivity, Climb, Design, Ladder, LadderStep, Summary, Together, Verdict
from harness.report.ladder.words import (
    brief_us,
    by_size,
    count,
    in_percent,
    in_the_sum,
    in_us,
    rung_name,
    share,
    title,
    whole,
)
from harness.report.prescription import deciding
from harness.report.wording import capitalized, counted, listed, rounded, verdict_counts, within

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


def ladder_answer(summary: Summary, design: Design | None) -> str:
    """Return one clause per ladder: the total, and the mechanisms that add most."""
    return f"{capitalized('; '.join(_ladder_clause(ladder, design) for ladder in summary.ladders))}."


def ladder_note(summary: Summary) -> str:
    """Return what the arms of a ladder are compared with; empty without a ladder."""
    if not summary.ladders:
        return ""
    return "Each arm is compared with the rung below it; an arm with several rungs at once is compared with the bottom."


def ladder_sentences(summary: Summary, ladder: Ladder, design: Design | None) -> list[str]:
    """Return all sentences on the ladder."""
    bundle = whole(ladder)
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


def left_out(summary: Summary) -> list[str]:
    """Return the rungs that this machine does not support, with the reason."""
    texts = dict.fromkeys(doubt.seen.rstrip(".") for doubt in summary.doubts if doubt.kind.endswith(UNAVAILABLE))
    return [f"Not available: {text}." for text in texts]


def _ladder_clause(ladder: Ladder, design: Design | None) -> str:
    bundle = whole(ladder)
    measured = bundle.measured if bundle else ladder.top or next(iter(ladder.steps), None)
    if measured is None:
        return f"over {title(ladder)}, nothing was compared"
    what = f"everything at once ({listed(measured.rungs)})" if bundle else f"everything up to {rung_name(measured)}"
    return f"over {title(ladder)}, {what} {_effect_phrase(measured, design)}{_largest_steps(ladder, measured)}"


def _effect_phrase(climb: Climb, design: Design | None) -> str:
    """Return `adds 37 us, +8.1 % (95 % interval +6.9 to +9.3)`."""
    if climb.verdict is None:
        return f"has no verdict{f' ({climb.why.rstrip(chr(46))})' if climb.why else ''}"
    phrases: Mapping[Verdict, str] = {
        "slower": f"adds {brief_us(climb)}, {in_percent(climb, named=True)}",
        "faster": f"saves {brief_us(climb).lstrip('-')}, {in_percent(climb, named=True)}",
        "equivalent": f"adds nothing{within(design)}: {in_percent(climb, named=True)}",
        "undecided": f"has an undecided effect: {in_percent(climb, named=True)}",
    }
    return phrases[climb.verdict]


def _largest_steps(ladder: Ladder, measured: Climb) -> str:
    """Return the mechanisms that add most, if the whole adds anything."""
    adding = by_size([step for step in in_the_sum(ladder) if step.verdict == "slower"])[:MAX_NAMED]
    if measured.verdict != "slower" or not adding:
        return ""
    return f", mostly {listed([f'{rung_name(step)} ({brief_us(step)})' for step in adding])}"


def _whole_sentence(summary: Summary, ladder: Ladder, bundle: Together, design: Design | None) -> str:
    measured, bottom = bundle.measured, summary.arms[ladder.bottom]
    typical_us = bottom.p50_us or bottom.mean_us
    on = f" A request at the bottom ({ladder.bottom}) takes {rounded(typical_us, 3)} us." if typical_us else ""
    bundles = "".join(f" {step.arm} is {listed(step.rungs)}." for step in ladder.steps if len(step.rungs) > 1)
    return f"All at once ({measured.arm}: {listed(measured.rungs)}) {_effect_phrase(measured, design)}.{on}{bundles}"


def _significant_steps(ladder: Ladder, bundle: Together | None) -> Iterator[str]:
    """Yield the significant steps, the largest first, with their shares of the sum."""
    significant = by_size([step for step in in_the_sum(ladder) if step.verdict in ("faster", "slower")])
    if significant:
        total = bundle.sum if bundle else ladder.top
        parts = [f"{rung_name(step)} {in_us(step)}{share(step, total)}" for step in significant]
        whole_us = f" (sum of the steps: {in_us(total)})" if total else ""
        yield f"Significant steps{whole_us}: {'; '.join(parts)}."


def _equivalent_steps(ladder: Ladder, design: Design | None) -> Iterator[str]:
    names = [rung_name(step) for step in ladder.steps if step.verdict == "equivalent"]
    if names:
        yield f"No effect{within(design)}: {listed(names)}."


def _undecided_steps(summary: Summary, ladder: Ladder) -> Iterator[str]:
    undecided = [step for step in ladder.steps if step.verdict == "undecided"]
    if undecided:
        parts = [f"{rung_name(step)} {in_percent(step)}" for step in undecided]
        yield f"Undecided: {'; '.join(parts)}{deciding(summary)}."
    silent = [step for step in ladder.steps if step.verdict is None]
    for step in silent:
        yield f"No verdict on {rung_name(step)}: {step.why.rstrip('.')}."


def _separate_steps(ladder: Ladder) -> Iterator[str]:
    """Yield the rungs that are not part of the whole."""
    inside = {step.arm for step in in_the_sum(ladder)}
    others = [step for step in ladder.steps if step.arm not in inside]
    if others:
        parts = [f"{rung_name(step)} {in_us(step)} on top of {step.against}" for step in others]
        yield f"Not part of the whole: {'; '.join(parts)}."


def _additivity_sentence(bundle: Together, design: Design | None) -> str:
    if bundle.missing:
        return (
            f"Whether the steps add up to {bundle.measured.arm} is unknown; not measured separately: "
            f"{listed(bundle.missing)}."
        )
    assert bundle.sum is not None
    assert bundle.beyond is not None
    if bundle.beyond.verdict is None:
        return f"Whether the steps add up is unknown: {bundle.beyond.why.rstrip('.')}."
    phrases: Mapping[Additivity, str] = {
        "additive": f"they are additive{within(design)}",
        "more": "together they cost more than the sum",
        "less": "together they cost less than the sum",
        "undecided": "whether they are additive is undecided",
    }
    return (
        f"Sum of the steps: {in_us(bundle.sum)}; all at once: {in_us(bundle.measured)}; "
        f"{phrases[bundle.beyond.verdict]}: {in_us(bundle.beyond)} or {in_percent(bundle.beyond)} beyond the sum."
    )


def _network_sentence(top: Climb) -> str:
    return f"The network alone, from {top.against} to {top.arm} at once: {in_us(top)}, {in_percent(top)}."


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
            yield COUNTER_PHRASES[name].format(count(amount.value))


def _negative_control(summary: Summary, ladder: Ladder, design: Design | None) -> Iterator[str]:
    """Yield the negative control: network rungs below a hop that does not use the network."""
    network = [step for step in ladder.steps if step.kind == "network"]
    on_hop = all(summary.arms[step.arm].settings.get("network_leg", "hop") == "hop" for step in network)
    if not network or not on_hop or not ladder.transport.startswith("uds-"):
        return
    significant = [rung_name(step) for step in network if step.verdict in ("faster", "slower")]
    end = (
        f"{listed(significant)} changed the time nevertheless (see Doubts)."
        if significant
        else f"{_control_verdicts(network, design)}."
    )
    yield f"A Unix socket does not use the network, so its network rungs are a negative control: {end}"


def _control_verdicts(steps: Sequence[LadderStep], design: Design | None) -> str:
    """Return `of 7 rungs, 5 are equivalent within 1 % and 2 are undecided`."""
    return f"of {counted(len(steps), 'rung')}, {verdict_counts([step.verdict for step in steps], design)}"
