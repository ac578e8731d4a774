"""Says whether an effect stands however it is measured: by other clients, on other processes, in another order."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.model import Design, Interaction, Summary
from harness.report.sheet import Section
from harness.report.wording import counted, difference, listed, percent_of, within

VERBS: dict[str | None, tuple[str, str]] = {
    "agree": ("agrees", "agree"),
    "undecided": ("is undecided", "are undecided"),
    "differ": ("differs", "differ"),
    None: ("has no verdict", "have no verdict"),
}
SAYING = ("faster", "slower", "equivalent")
CLIENTS, PROCESSES = "tool", "processes"  # factors that change how is measured and nothing of what


def ways_section(summary: Summary, design: Design | None) -> list[Section]:
    """One where nothing but ways of measuring is crossed with the compared factor, processes among them."""
    found = [one for one in summary.interactions if one.metric == "latency"]
    factors = {one.factor for one in found}
    if PROCESSES not in factors or not factors <= {CLIENTS, PROCESSES}:
        return []
    sentences = [
        _effect(summary, effect, list(group), design)
        for effect, group in groupby(sorted(found, key=_effect_of), _effect_of)
    ]
    return [Section("Is it so however it is measured?", [*sentences, *_explained()], [])]


def _effect_of(one: Interaction) -> tuple[str, str, str]:
    return one.compared, one.level, one.reference


def _effect(summary: Summary, effect: tuple[str, str, str], group: Sequence[Interaction], design: Design | None) -> str:
    compared, level, reference = effect
    what = f"the effect of {compared} ({level} against {reference})"
    by_itself = f"{_largest(group)}{_alone(summary, group)}"
    if all(one.verdict == "agree" for one in group):
        return f"Cross-validated: {what} is the same{within(design)} {_ways(group)}. {by_itself}"
    differs = any(one.verdict == "differ" for one in group)
    said = "Not cross-validated" if differs else "Not yet cross-validated"
    margin = f", with a margin of {design.equivalence_percent:g} %" if design else ""
    told = listed(list(_counts([one.verdict for one in group])))
    return (
        f"{said}: {what} was measured {_ways(group)}. "
        f"Of {counted(len(group), 'pair')} of ways {told}{margin}. {by_itself}"
    )


def _counts(verdicts: Sequence[str | None]) -> Iterator[str]:
    for verdict, (one, many) in VERBS.items():
        number = verdicts.count(verdict)
        if number:
            yield f"{number} {one if number == 1 else many}"


def _alone(summary: Summary, group: Sequence[Interaction]) -> str:
    """What each way finds without the others, where that is one and the same."""
    pairs = {pair for one in group for pair in ((one.arm, one.against), (one.base_arm, one.base_against))}
    found = {c.verdict for c in summary.comparisons if (c.arm, c.against) in pairs and c.metric == "latency"}
    (verdict, *others) = found or {None}
    return f" Each way by itself finds {group[0].level} {verdict}." if verdict in SAYING and not others else ""


def _ways(group: Sequence[Interaction]) -> str:
    """`by client and ab, on shared, swapped and separate processes`."""
    words = {CLIENTS: "by {}", PROCESSES: "on {} processes"}
    levels = {factor: _levels(group, factor) for factor in words}
    return ", ".join(words[factor].format(listed(some)) for factor, some in levels.items() if some)


def _levels(group: Sequence[Interaction], factor: str) -> list[str]:
    crossed = [one for one in group if one.factor == factor]
    return list(dict.fromkeys([*(one.base for one in crossed), *(one.at for one in crossed)]))


def _largest(group: Sequence[Interaction]) -> str:
    known = [(one, estimate) for one in group if (estimate := percent_of(one))]
    if not known:
        return "None of them could be compared."
    one, estimate = max(known, key=lambda pair: abs(pair[1].value))
    return f"Furthest apart are {one.factor} {one.at} and {one.base}: {difference(estimate)}."


def _explained() -> Iterator[str]:
    yield (
        "Shared: one nginx and one gunicorn serve all arms, which cancels what is particular to a process. Swapped: "
        "the same with the arms' ports, upstreams and sockets in the opposite order, so that a place in a list or a "
        "label would show. Separate: every arm has its own. No container takes part in any of them."
    )
