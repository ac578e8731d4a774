"""What a container would add over one transport, in plain words: how much, by which mechanism, what is open."""

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
from harness.report.wording import counted, listed, rounded, within

MOST_NAMED = 3  # mechanisms that the answer names
LEFT_OUT = "left-out"
BACKING = {
    "cpu_us": "CPU time {} us",
    "waiting_us": "waiting for a CPU {} us",
    "switches": "switches {}",
    "segments": "TCP segments {}",
    "lo_packets": "packets on lo {}",
    "link_packets": "packets on links {}",
    "softirqs": "network softirqs {}",
}


def ladder_answer(summary: Summary, design: Design | None) -> str:
    """Each ladder in a clause: what its whole adds, and the mechanisms that add most."""
    text = "; ".join(_clause(ladder, design) for ladder in summary.ladders)
    return f"{text[0].upper()}{text[1:]}."


def ladder_note(summary: Summary) -> str:
    """What arms are compared with; empty where nothing climbs."""
    if not summary.ladders:
        return ""
    return "Each arm is compared with the one a rung lower, one with several rungs at once with the bottom."


def ladder_sentences(summary: Summary, ladder: Ladder, design: Design | None) -> list[str]:
    """A sentence for each thing that can be said of it."""
    found = whole(ladder)
    return [
        *([_whole(summary, ladder, found, design)] if found else []),
        *_shares(ladder, found),
        *_unmoved(ladder, design),
        *_open(summary, ladder),
        *_beside(ladder),
        *([_additivity(found, design)] if found else []),
        *([_top(ladder.top)] if ladder.top else []),
        *_backing(ladder),
        *_sockets(summary, ladder, design),
    ]


def left_out(summary: Summary) -> list[str]:
    """The rungs that this machine does not have, each once with what was seen."""
    seen = dict.fromkeys(doubt.seen.rstrip(".") for doubt in summary.doubts if doubt.kind.endswith(LEFT_OUT))
    return [f"Left out: {one}." for one in seen]


def _clause(ladder: Ladder, design: Design | None) -> str:
    found = whole(ladder)
    measured = found.measured if found else ladder.top or next(iter(ladder.steps), None)
    if measured is None:
        return f"over {title(ladder)} nothing was compared"
    what = f"everything at once ({listed(measured.rungs)})" if found else f"everything up to {rung_name(measured)}"
    return f"over {title(ladder)}, {what} {_adds(measured, design)}{_most(ladder, measured)}"


def _adds(one: Climb, design: Design | None) -> str:
    """`adds 37 us, +8.1 % (95 % interval 6.9 to 9.3)`."""
    if one.verdict is None:
        return f"has no verdict{f' ({one.why.rstrip(chr(46))})' if one.why else ''}"
    said: Mapping[Verdict, str] = {
        "slower": f"adds {brief_us(one)}, {in_percent(one, named=True)}",
        "faster": f"takes {brief_us(one).lstrip('-')} away, {in_percent(one, named=True)}",
        "equivalent": f"adds nothing{within(design)}: {in_percent(one, named=True)}",
        "undecided": f"may add something or nothing: {in_percent(one, named=True)}",
    }
    return said[one.verdict]


def _most(ladder: Ladder, measured: Climb) -> str:
    """The mechanisms that add most, where the whole adds anything."""
    adding = by_size([one for one in in_the_sum(ladder) if one.verdict == "slower"])[:MOST_NAMED]
    if measured.verdict != "slower" or not adding:
        return ""
    return f", most of it {listed([f'{rung_name(one)} ({brief_us(one)})' for one in adding])}"


def _whole(summary: Summary, ladder: Ladder, found: Together, design: Design | None) -> str:
    measured, bottom = found.measured, summary.arms[ladder.bottom]
    typical_us = bottom.p50_us or bottom.mean_us
    on = f" A request at the bottom ({ladder.bottom}) takes {rounded(typical_us, 3)} us." if typical_us else ""
    bundles = "".join(f" {one.arm} is {listed(one.rungs)}." for one in ladder.steps if len(one.rungs) > 1)
    return f"All at once ({measured.arm}: {listed(measured.rungs)}) {_adds(measured, design)}.{on}{bundles}"


def _shares(ladder: Ladder, found: Together | None) -> Iterator[str]:
    """What moves the time, the largest first, and its share of the sum."""
    moved = by_size([one for one in in_the_sum(ladder) if one.verdict in ("faster", "slower")])
    if moved:
        of = found.sum if found else ladder.top
        told = [f"{rung_name(one)} {in_us(one)}{share(one, of)}" for one in moved]
        whole_us = f"Of the sum of the steps, {in_us(of)}," if of else "Of the steps"
        yield f"{whole_us} these are decided: {'; '.join(told)}."


def _unmoved(ladder: Ladder, design: Design | None) -> Iterator[str]:
    names = [rung_name(one) for one in ladder.steps if one.verdict == "equivalent"]
    if names:
        yield f"These add nothing{within(design)}: {listed(names)}."


def _open(summary: Summary, ladder: Ladder) -> Iterator[str]:
    undecided = [one for one in ladder.steps if one.verdict == "undecided"]
    if undecided:
        told = [f"{rung_name(one)} {in_percent(one)}" for one in undecided]
        yield f"Undecided: {'; '.join(told)}{deciding(summary)}."
    silent = [one for one in ladder.steps if one.verdict is None]
    for one in silent:
        yield f"No verdict on {rung_name(one)}: {one.why.rstrip('.')}."


def _beside(ladder: Ladder) -> Iterator[str]:
    """Rungs that are no part of the whole."""
    inside = {one.arm for one in in_the_sum(ladder)}
    others = [one for one in ladder.steps if one.arm not in inside]
    if others:
        told = [f"{rung_name(one)} {in_us(one)} on top of {one.against}" for one in others]
        yield f"Not part of the whole: {'; '.join(told)}."


def _additivity(found: Together, design: Design | None) -> str:
    if found.missing:
        return (
            f"Whether the steps add up to {found.measured.arm} is not known: no arm stands on {listed(found.missing)} "
            "by itself."
        )
    assert found.sum is not None
    assert found.beyond is not None
    if found.beyond.verdict is None:
        return f"Whether the steps add up is not known: {found.beyond.why.rstrip('.')}."
    said: Mapping[Additivity, str] = {
        "additive": f"they are additive{within(design)}",
        "more": "together they cost more than the sum",
        "less": "together they cost less than the sum",
        "undecided": "whether they add up is undecided",
    }
    return (
        f"The steps add up to {in_us(found.sum)}, all at once are {in_us(found.measured)}: "
        f"{said[found.beyond.verdict]}, {in_us(found.beyond)} or {in_percent(found.beyond)} beyond it."
    )


def _top(top: Climb) -> str:
    return f"The network alone, from {top.against} to {top.arm} at once: {in_us(top)}, {in_percent(top)}."


def _backing(ladder: Ladder) -> Iterator[str]:
    """What was counted of the steps that cost something."""
    told = [
        f"{rung_name(one)}: {', '.join(_counts(one)) or 'no counter differs for sure'}"
        for one in ladder.steps
        if one.verdict in ("faster", "slower") and one.backing
    ]
    if told:
        yield f"What was counted of them, per request: {'; '.join(told)}."


def _counts(one: LadderStep) -> Iterator[str]:
    for name, seen in one.backing.items():
        if seen.excludes_zero and name in BACKING:
            yield BACKING[name].format(count(seen.value))


def _sockets(summary: Summary, ladder: Ladder, design: Design | None) -> Iterator[str]:
    """The negative control, of a hop that is no network."""
    network = [one for one in ladder.steps if one.kind == "network"]
    on_hop = all(summary.arms[one.arm].settings.get("network_leg", "hop") == "hop" for one in network)
    if not network or not on_hop or not ladder.transport.startswith("uds-"):
        return
    moved = [rung_name(one) for one in network if one.verdict in ("faster", "slower")]
    end = f"{listed(moved)} moved it all the same: see Doubts." if moved else f"{_verdicts(network, design)}."
    yield f"No packet of a Unix socket goes through the network, so its network rungs are a control: {end}"


def _verdicts(steps: Sequence[LadderStep], design: Design | None) -> str:
    """`of 7 rungs 5 are equivalent within 1 % and 2 undecided`."""
    words = {"equivalent": f"equivalent{within(design)}", "undecided": "undecided", None: "without a verdict"}
    counts = [(word, sum(one.verdict == verdict for one in steps)) for verdict, word in words.items()]
    told = [f"{number} {'is' if number == 1 else 'are'} {word}" for word, number in counts if number]
    return f"of {counted(len(steps), 'rung')} {listed(told)}"
