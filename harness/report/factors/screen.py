"""What a screen found: which settings move the time of a request, in words and in tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.model import Design, FactorInteraction, MainEffect, Metric, Summary
from harness.report.sheet import STARRED_OF_MANY, Section, Sheet, difference_cells, section
from harness.report.wording import by, counted, difference, listed, percent_of, within

HEADS = ("difference\n95 % interval", "us\n95 % interval", "verdict")
MOST_SHOWN = 20  # of what two factors do to each other, where none is said to differ
MEANING = (
    "An effect is the difference between the mean over the arms that have a level and the mean over those that have "
    "the first, so every arm serves every effect. Benjamini and Hochberg's correction keeps the share of false ones "
    "among those called faster or slower to 5 % on average."
)


def screen_sections(summary: Summary, design: Design | None) -> list[Section]:
    """None but for screens that average."""
    found, metric = main_effects(summary)
    if not found:
        return []
    both = [one for one in summary.factor_interactions if one.metric == metric]
    used = [one for one in summary.main_effects if one.metric == "cpu"]
    sheets = [_mains("Each setting on average over the others", found)]
    sheets += [_mains("The same in CPU time", used)] if used else []
    sheets += [_boths(both)] if both else []
    sentences = [screen_answer(summary, design), MEANING, *_mixtures(found, both), *_dependences(both, design)]
    return [section("Which settings matter?", sentences, [*sheets, _runs(summary, found)], STARRED_OF_MANY)]


def main_effects(summary: Summary) -> tuple[list[MainEffect], Metric]:
    """Those on what the run is about."""
    metric: Metric = next((one.metric for one in summary.main_effects), "latency")
    return [one for one in summary.main_effects if one.metric == metric], metric


def screen_answer(summary: Summary, design: Design | None) -> str:
    """Who moves, with numbers; of the others how many are which."""
    found, _ = main_effects(summary)
    parts = [f"{effect_name(one)} makes requests {one.verdict} {_by(one)}" for one in found if _moved(one)]
    rest = [
        (f"equivalent{within(design)}", sum(one.verdict == "equivalent" for one in found)),
        ("undecided", sum(one.verdict == "undecided" for one in found)),
        ("without a verdict", sum(one.verdict is None for one in found)),
    ]
    counts = listed([f"{number} {word}" for word, number in rest if number] or ["none is left"])
    effects = counted(len(found), "effect")
    return (
        f"Of {effects}, {len(parts) or 'none'} {'stands' if len(parts) == 1 else 'stand'} out: {_told(parts)}{counts}."
    )


def effect_name(one: MainEffect) -> str:
    """`tcp_sack=0`, and where another factor is compared, at which of its levels."""
    return ", ".join([one.arm, *one.where.values()])


def _told(parts: Sequence[str]) -> str:
    return f"{'; '.join(parts)}; of the others " if parts else ""


def _moved(one: MainEffect) -> bool:
    return one.verdict in ("faster", "slower")


def _by(one: MainEffect) -> str:
    estimate = percent_of(one)
    return by(estimate) if estimate else ""


def _mains(caption: str, found: Sequence[MainEffect]) -> Sheet:
    rows = [((effect_name(one), f"for {one.base}"), *difference_cells(one)) for one in found]
    return Sheet(caption, ("setting", *HEADS), rows)


def _boths(both: Sequence[FactorInteraction]) -> Sheet:
    """The largest, where there are many; whatever differs is among them or told in words."""
    shown = sorted(both, key=lambda one: one.p_adjusted if one.p_adjusted is not None else 2)[:MOST_SHOWN]
    rows = [((_both_name(one), ""), *difference_cells(one)) for one in both if one in shown]
    more = f": {MOST_SHOWN} of {len(both)}" if len(both) > MOST_SHOWN else ""
    return Sheet(f"How much the effect of one depends on another{more}", ("settings", *HEADS), rows)


def _both_name(one: FactorInteraction) -> str:
    return f"{one.arm} with {one.other.rpartition('.')[2]}={one.other_at}"


def _mixtures(found: Sequence[MainEffect], both: Sequence[FactorInteraction]) -> Iterator[str]:
    """What the design cannot tell apart."""
    whole = {one.arm: one.mixed_with for one in found if one.mixed_with}
    if whole:
        told = "; ".join(f"{name} with {listed(others)}" for name, others in whole.items())
        yield f"With so few runs an effect cannot be told from what two others do to each other: {told}."
    partly = max((one.partly_mixed_with for one in found), default=0)
    if partly:
        yield (
            f"Each effect contains a part of what two others do to each other (of {counted(partly, 'pair')}): "
            "confirm what stands out in a factorial experiment of those few."
        )
    groups = [[_pair(one), *one.mixed_with] for one in both if one.mixed_with]
    if groups:
        yield f"Told only together are {'; '.join(map(listed, groups))}."


def _pair(one: FactorInteraction) -> str:
    return f"{one.factor.rpartition('.')[2]} x {one.other.rpartition('.')[2]}"


def _dependences(both: Sequence[FactorInteraction], design: Design | None) -> Iterator[str]:
    for one in both:
        estimate = percent_of(one)
        if one.verdict == "differ" and estimate:
            other = one.other.rpartition(".")[2]
            yield (
                f"The effect of {one.arm} is another with {other}={one.other_at} than with {other}={one.other_base}: "
                f"{difference(estimate)} beside it."
            )
    agreeing = sum(one.verdict == "agree" for one in both)
    if agreeing:
        yield f"{agreeing} of {counted(len(both), 'pair')} do not depend on each other{within(design)}."


def _runs(summary: Summary, found: Sequence[MainEffect]) -> Sheet:
    """Which arm had what: the settings that are not as in the first arm."""
    keys = list(dict.fromkeys([one.factor for one in found] + [key for one in found for key in one.where]))
    arms = {name: arm.settings for name, arm in summary.arms.items() if not arm.control_of}
    first = next(iter(arms.values()), {})
    rows = [((name, ""), (_changed(settings, first, keys), "")) for name, settings in arms.items()]
    return Sheet("What each arm had changed", ("arm", "changed"), rows)


def _changed(settings: Mapping[str, Any], first: Mapping[str, Any], keys: Sequence[str]) -> str:
    values = {key: _value(settings, key) for key in keys}
    told = [f"{key.rpartition('.')[2]}={value}" for key, value in values.items() if value != _value(first, key)]
    return ", ".join(told) or "nothing"


def _value(settings: Mapping[str, Any], key: str) -> Any:
    """A setting that is as usual is not among them."""
    knob = key.removeprefix("knobs.")
    return settings.get(key, "as usual") if knob == key else settings.get("knobs", {}).get(knob)
