"""Says in words whether an effect is the same at every level of another factor; for load tools, who disagrees."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from harness.model import Comparison, Design, Interaction, Metric, ToolSign
from harness.report.wording import Estimate, decimals, difference, listed, percent_of, signed, us_of, within

TOOL = "tool"

MUTE = ("true", "false", "null", "unset")

Effects = Mapping[tuple[str, str], Comparison]


def by_effect(found: Sequence[Interaction], factor: str, metric: Metric) -> list[Interaction]:
    """Those of one factor and one metric, the interactions of each effect together."""
    asked = [one for one in found if (one.factor, one.metric) == (factor, metric)]
    effects = list(dict.fromkeys(map(effect_of, asked)))
    return sorted(asked, key=lambda one: effects.index(effect_of(one)))


def agreement(found: Sequence[Interaction], effects: Effects, design: Design | None) -> list[str]:
    """A few sentences for each effect in what `by_effect` gave; `effects` are the comparisons by pair."""
    return [sentence for _, group in groupby(found, effect_of) for sentence in _of_effect(list(group), effects, design)]


def named(factor: str, level: str) -> str:
    """A level that is a word speaks for itself: `split`, but `workers 2`, `tls true`."""
    return level if level[:1].isalpha() and level not in MUTE else f"{factor} {level}"


def effect_of(one: Interaction) -> str:
    """`the effect of transport (uds-tmpfs against tcp), connections = 8`."""
    where = "".join(f", {key} = {level}" for key, level in one.where.items())
    return f"the effect of {one.compared} ({one.level} against {one.reference}{where})"


def _of_effect(group: Sequence[Interaction], effects: Effects, design: Design | None) -> Iterator[str]:
    if all(one.verdict == "agree" for one in group):
        yield _all_agree(group, design)
        return
    agreeing = [_at(one) for one in group if one.verdict == "agree"]
    if agreeing:
        who = listed([_base(group[0]), *agreeing])
        yield f"{_capital(effect_of(group[0]))} is the same{within(design)} with {who}."
    for one in group:
        yield from _not_agreeing(one, effects)


def _all_agree(group: Sequence[Interaction], design: Design | None) -> str:
    first, number = group[0], len(group) + 1
    if first.factor == TOOL:
        who = "Both tools agree" if number == 2 else f"The {number} tools agree"
        return f"{who} on {effect_of(first)}{within(design)}."
    return f"{_capital(effect_of(first))} is the same{within(design)} at every level of {first.factor}."


def _not_agreeing(one: Interaction, effects: Effects) -> Iterator[str]:
    estimate = percent_of(one)
    if one.verdict is None or estimate is None:
        yield f"Nothing is said of {_at(one)} beside {_base(one)}: {one.why.rstrip('.')}."
        return
    here = _effect(_at(one), effects[one.arm, one.against])
    there = _effect(_base(one), effects[one.base_arm, one.base_against])
    apart = f"{here}, {there}; the first beside the second is {difference(estimate)}."
    if one.verdict == "differ":
        yield f"{_disagrees(one)} on {effect_of(one)}: {apart}"
        yield from _in_microseconds(one)
    elif one.verdict == "undecided":
        yield f"Whether {effect_of(one)} is the same with {_at(one)} as with {_base(one)} is undecided: {apart}"


def _effect(level: str, seen: Comparison) -> str:
    estimate = percent_of(seen)
    return (
        f"{signed(estimate.value, decimals(estimate.half_width, 1))} % with {level}"
        if estimate
        else f"none with {level}"
    )


def _disagrees(one: Interaction) -> str:
    return f"{_at(one)} disagrees" if one.factor == TOOL else f"{_capital(_at(one))} and {_base(one)} differ"


def in_cpu_time(found: Sequence[Interaction]) -> list[str]:
    """How the effects on CPU time lie beside each other, in a sentence; nothing where it was not read."""
    groups = [list(group) for _, group in groupby(found, effect_of)]
    told = [f"{effect_of(group[0])}: {', '.join(map(_in_cpu_time, group))}" for group in groups]
    return [f"In CPU time per request, beside that with {_base(found[0])}, {'; '.join(told)}."] if told else []


def _in_cpu_time(one: Interaction) -> str:
    estimate = percent_of(one)
    amount = f" {signed(estimate.value, decimals(estimate.half_width, 1))} %" if estimate else ""
    return f"{_at(one)}{amount} ({one.verdict or 'no verdict'})"


def _in_microseconds(one: Interaction) -> Iterator[str]:
    """The same time is another part of a longer request: then percent differ and microseconds do not."""
    us = us_of(one)
    if us and not us.excludes_zero:
        yield (
            f"In microseconds {_at(one)} and {_base(one)} are not told apart ({_us(us)}): "
            "the same time is another part of a request that takes longer or shorter."
        )


def _us(us: Estimate) -> str:
    return f"{us.value:+.0f} us, {us.low:+.0f} to {us.high:+.0f}"


def signs(found: Sequence[ToolSign]) -> list[str]:
    """Whether the tools see the same sign, and of each that does not, why."""
    if not found:
        return []
    reference = found[0].reference
    if all(one.verdict == "same" for one in found):
        return [f"Every tool sees the sign that {reference} sees."]
    return [_sign(one) for one in found if one.verdict != "same"]


def _sign(one: ToolSign) -> str:
    pair = f"of {one.arm} against {one.against}"
    if one.verdict == "opposite":
        said = f"{one.tool} sees the opposite sign to {one.reference}'s {pair}."
    else:
        said = f"Whether {one.tool} sees the sign that {one.reference} sees {pair} is undecided."
    return " ".join([said, *one.why])


def _at(one: Interaction) -> str:
    return named(one.factor, one.at)


def _base(one: Interaction) -> str:
    return named(one.factor, one.base)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
