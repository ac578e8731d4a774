"""Why each comparison came out as it did, a paragraph each; who was busy; what was not seen."""

from collections.abc import Iterator, Mapping, Sequence

from harness.model import Amount, Bound, Counter, Evidence, Explanation, Load, Plausibility, Setup, Summary
from harness.report.why.tables import asked
from harness.report.why.words import counter_name, rate, us
from harness.report.wording import decimals, listed, signed

REST = (
    "The rest is what CPU time and waiting for a CPU do not make up. Below zero, wake-ups, idle CPUs and interrupts "
    "fell away; above, CPU time fell away that no timed request waited for: closing connections after the answer, work "
    "of two processes at once."
)
PARTS = (
    "The floor is a small client and a small server in Python over the bare transport, so a part of it is theirs. The "
    "parts make up the whole by what they are; what none of them explains stands in the rest."
)
EVIDENCE: Mapping[Evidence, str] = {
    "nothing": "the timing is undecided, so there is nothing to explain",
    "timing only": "there is the timing only",
    "timing and CPU": "timing and CPU time agree",
    "timing, CPU and counts": "timing, CPU time and counts agree",
}
NOTHING_PERCENT = 1.0


def why(summary: Summary) -> list[str]:
    """Everything that is said of causes; empty where nothing was counted."""
    counters = {one.name: one for one in summary.counters}
    explained = [one for one in asked(summary) if one.evidence != "nothing"]
    return [
        *([REST] if asked(summary) else []),
        *(_explained(one, counters) for one in explained),
        *map(_set_up, summary.setups),
        *([PARTS] if summary.waterfalls else []),
        *_busy(summary.loads, arms=len(summary.arms)),
        *_reading(summary),
        *summary.unseen,
    ]


def _explained(one: Explanation, counters: Mapping[str, Counter]) -> str:
    sentences = [_grade(one), *_counts(one, counters), *_floor(one)]
    return f"{one.arm} against {one.against}: {' '.join(sentences)}"


def _grade(one: Explanation) -> str:
    text = EVIDENCE[one.evidence]
    if one.evidence == "timing only":
        text += "; the servers' CPU time " + ("is undecided" if one.cpu_agrees is None else "says otherwise")
    return f"{text}."


def _counts(one: Explanation, counters: Mapping[str, Counter]) -> Iterator[str]:
    if one.agree:
        yield f"Per request: {_changes(one, one.agree, counters)}."
    if one.oppose:
        yield f"Against it: {_changes(one, one.oppose, counters)}."


def _changes(one: Explanation, names: Sequence[str], counters: Mapping[str, Counter]) -> str:
    return ", ".join(
        f"{counter_name(name)} {rate(_of(counters[name], one.arm))} instead of {rate(_of(counters[name], one.against))}"
        for name in names
    )


def _of(counter: Counter, arm: str) -> float:
    return counter.arms[arm].value


def _floor(one: Explanation) -> Iterator[str]:
    if one.floor_us is None or one.exchange_us is None:
        return
    source = " (an earlier barehop floor, opening and closing included)" if one.floor_is_earlier else ""
    floor, exchange = f"{us(one.floor_us)}{source}", f"{one.exchange_us:.0f} us"
    said: Mapping[Plausibility, str] = {
        "plausible": f"Plausible: without nginx and the app the transports differ by {floor}.",
        "beyond the floor": (
            f"Without nginx and the app the transports differ by {floor}: the rest of the difference lies in what "
            f"nginx and the app do about them. A whole exchange takes {exchange}."
        ),
        "the other way": (
            f"The other way than the bare transports, which differ by {floor}: it lies in what nginx and the app do "
            "about them, or in the placement."
        ),
        "implausible": (
            f"Not plausible: without nginx and the app the transports differ by {floor}, and a whole exchange takes "
            f"{exchange}. What goes beyond that is noise or placement, not the transport."
        ),
    }
    if one.plausibility in said:
        yield said[one.plausibility]


def _set_up(one: Setup) -> str:
    return (
        f"With connections kept{_opens(one)} the difference goes from {us(one.without_us)} ({one.arm} against "
        f"{one.against}) to {us(one.kept_us)} ({one.kept_arm} against {one.kept_against}). So setting up connections "
        f"was {us(one.setup_us)}{share_of(one.setup_us, one.without_us)}.{_cpu_of_setup(one)}"
    )


def _opens(one: Setup) -> str:
    if one.opens is None or one.kept_opens is None:
        return ""
    fall = f"from {rate(one.opens.value)} to {rate(one.kept_opens.value)}"
    return f" TCP connections opened on the hop fall {fall} per request, and"


def _cpu_of_setup(one: Setup) -> str:
    if one.without_cpu_us is None or one.kept_cpu_us is None or one.setup_cpu_us is None:
        return ""
    share = share_of(one.setup_cpu_us, one.without_cpu_us)
    return f" In CPU time: {us(one.without_cpu_us)} without, {us(one.kept_cpu_us)} with; {us(one.setup_cpu_us)}{share}."


def share_of(part: Amount, whole: Amount) -> str:
    """`, 85 % of it`; nothing where either may be none, or where they are of opposite sign."""
    share = part.value / whole.value if whole.excludes_zero and part.excludes_zero else 0.0
    if share > 1:
        return ", all of it"
    return f", {100 * share:.0f} % of it" if share > 0 else ""


def _busy(loads: Sequence[Load], arms: int) -> Iterator[str]:
    """One sentence for all arms with the same bottleneck; those that outside tools visited are not among them."""
    for bound, together in dict.fromkeys((load.bound, load.together) for load in loads):
        same = [load for load in loads if (load.bound, load.together) == (bound, together)]
        who = "all arms" if len(same) == arms else listed([load.arm for load in same])
        sharing = f" {listed(together)} share CPUs that are always at work." if together else ""
        yield f"Who is the bottleneck: {who}: {bound} ({_ranges(same)}).{sharing}{_meaning(bound, together)}"


def _meaning(bound: Bound, together: Sequence[str]) -> str:
    if bound == "latency-bound":
        return " No CPU is always at work: a request waits for one after the other, so a rate says nothing of capacity."
    if bound == "client-bound" or "client" in together:
        return " So the client sets the pace, and nothing is said of the throughput of the servers."
    return ""


def _ranges(loads: Sequence[Load]) -> str:
    roles = dict.fromkeys(role for load in loads for role in load.utilisation)
    return ", ".join(
        f"{role} {_range([load.utilisation[role] for load in loads if role in load.utilisation])} busy"
        for role in roles
    )


def _range(shares: Sequence[float]) -> str:
    low, high = f"{100 * min(shares):.0f}", f"{100 * max(shares):.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def _reading(summary: Summary) -> Iterator[str]:
    cost = summary.counting_percent
    if cost:
        nothing = ", which is nothing within 1 %" if _lies_within(cost, NOTHING_PERCENT) else ""
        yield (
            f"Reading the counters between visits changed the time of a request by {_percent(cost)}{nothing}; "
            "it is alike for all arms of a round, so it is in no difference."
        )


def _lies_within(amount: Amount, margin: float) -> bool:
    return amount.low is not None and amount.high is not None and -margin < amount.low <= amount.high < margin


def _percent(amount: Amount) -> str:
    assert amount.low is not None
    assert amount.high is not None
    places = decimals((amount.high - amount.low) / 2, 1)
    low, high = signed(amount.low, places), signed(amount.high, places)
    return f"{signed(amount.value, places)} % (95 % interval {low} to {high})"
