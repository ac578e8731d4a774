"""Sentences on causes: of each comparison, bottlenecks, and the cost of counting."""

from collections.abc import Iterator, Mapping, Sequence

from harness.model import Amount, Bound, Counter, Evidence, Explanation, Load, Plausibility, Setup, Summary
from harness.report.why.tables import asked
from harness.report.why.words import counter_name, rate, us
from harness.report.wording import amount_of, difference, listed, signed

REST = (
    "The rest is the part of the difference that CPU time and waiting for a CPU do not explain. Negative: fewer "
    "wake-ups, idle CPUs and interrupts. Positive: CPU time was saved off the critical path (connection teardown after "
    "the response, work overlapped between two processes)."
)
PARTS = (
    "The floor is a minimal Python client and server over the bare transport, so it includes their own time. The parts "
    "of a waterfall add up to the full chain; time that no part explains is in the rest."
)
EVIDENCE: Mapping[Evidence, str] = {
    "nothing": "the timing is undecided, so there is nothing to explain",
    "timing only": "supported by the timing only",
    "timing and CPU": "supported by timing and CPU time",
    "timing, CPU and counts": "supported by timing, CPU time and counters",
}
NEGLIGIBLE_PERCENT = 1.0


def why(summary: Summary) -> list[str]:
    """Return all sentences on causes; empty if nothing was counted."""
    counters = {counter.name: counter for counter in summary.counters}
    explanations = [explanation for explanation in asked(summary) if explanation.evidence != "nothing"]
    return [
        *([REST] if asked(summary) else []),
        *(_explanation_text(explanation, counters) for explanation in explanations),
        *map(_setup_sentence, summary.setups),
        *([PARTS] if summary.waterfalls else []),
        *_bottleneck_sentences(summary.loads, arms=len(summary.arms)),
        *_counting_cost(summary),
        *summary.unseen,
    ]


def _explanation_text(explanation: Explanation, counters: Mapping[str, Counter]) -> str:
    sentences = [
        _evidence_sentence(explanation),
        *_counter_sentences(explanation, counters),
        *_plausibility_sentence(explanation),
    ]
    return f"{explanation.arm} against {explanation.against}: {' '.join(sentences)}"


def _evidence_sentence(explanation: Explanation) -> str:
    text = EVIDENCE[explanation.evidence]
    if explanation.evidence == "timing only":
        text += "; the servers' CPU time " + ("is undecided" if explanation.cpu_agrees is None else "contradicts it")
    return f"{text}."


def _counter_sentences(explanation: Explanation, counters: Mapping[str, Counter]) -> Iterator[str]:
    if explanation.agree:
        yield f"Per request: {_counter_changes(explanation, explanation.agree, counters)}."
    if explanation.oppose:
        yield f"Contradicting: {_counter_changes(explanation, explanation.oppose, counters)}."


def _counter_changes(explanation: Explanation, names: Sequence[str], counters: Mapping[str, Counter]) -> str:
    return ", ".join(
        f"{counter_name(name)} {rate(_arm_value(counters[name], explanation.arm))} instead of "
        f"{rate(_arm_value(counters[name], explanation.against))}"
        for name in names
    )


def _arm_value(counter: Counter, arm: str) -> float:
    return counter.arms[arm].value


def _plausibility_sentence(explanation: Explanation) -> Iterator[str]:
    if explanation.floor_us is None or explanation.exchange_us is None:
        return
    source = (
        " (from an earlier barehop floor, connection setup and teardown included)"
        if explanation.floor_is_earlier
        else ""
    )
    floor, exchange = f"{us(explanation.floor_us)}{source}", f"{explanation.exchange_us:.0f} us"
    phrases: Mapping[Plausibility, str] = {
        "plausible": f"Plausible: the bare transports, without nginx and the app, differ by {floor}.",
        "beyond the floor": (
            f"The bare transports, without nginx and the app, differ by {floor}: nginx and the app cause the rest of "
            f"the difference. A whole exchange takes {exchange}."
        ),
        "the other way": (
            f"Opposite sign to the bare transports, which differ by {floor}: caused by nginx and the app or by the "
            "placement."
        ),
        "implausible": (
            f"Not plausible: the bare transports, without nginx and the app, differ by {floor}, and a whole exchange "
            f"takes {exchange}. The excess is noise or placement, not the transport."
        ),
    }
    if explanation.plausibility in phrases:
        yield phrases[explanation.plausibility]


def _setup_sentence(setup: Setup) -> str:
    return (
        f"With keepalive connections{_opened_connections(setup)} the difference changes from {us(setup.without_us)} "
        f"({setup.arm} against {setup.against}) to {us(setup.kept_us)} ({setup.kept_arm} against "
        f"{setup.kept_against}). Connection setup accounts for "
        f"{us(setup.setup_us)}{share_of(setup.setup_us, setup.without_us)}.{_cpu_of_setup(setup)}"
    )


def _opened_connections(setup: Setup) -> str:
    if setup.opens is None or setup.kept_opens is None:
        return ""
    fall = f"from {rate(setup.opens.value)} to {rate(setup.kept_opens.value)}"
    return f", TCP connections opened on the hop fall {fall} per request and"


def _cpu_of_setup(setup: Setup) -> str:
    if setup.without_cpu_us is None or setup.kept_cpu_us is None or setup.setup_cpu_us is None:
        return ""
    share = share_of(setup.setup_cpu_us, setup.without_cpu_us)
    without, kept = us(setup.without_cpu_us), us(setup.kept_cpu_us)
    return f" In CPU time: {without} without, {kept} with; {us(setup.setup_cpu_us)}{share}."


def share_of(part: Amount, whole: Amount) -> str:
    """Return `, 85 % of it`; empty if either may be zero or the signs differ."""
    share = part.value / whole.value if whole.excludes_zero and part.excludes_zero else 0.0
    if share > 1:
        return ", all of it"
    return f", {100 * share:.0f} % of it" if share > 0 else ""


def _bottleneck_sentences(loads: Sequence[Load], arms: int) -> Iterator[str]:
    """Yield one sentence for all arms with the same bottleneck, without those that external tools visited."""
    for bound, together in dict.fromkeys((load.bound, load.together) for load in loads):
        same = [load for load in loads if (load.bound, load.together) == (bound, together)]
        subject = "all arms" if len(same) == arms else listed([load.arm for load in same])
        sharing = f" {listed(together)} share saturated CPUs." if together else ""
        yield f"Bottleneck of {subject}: {bound} ({_utilisation(same)}).{sharing}{_bound_meaning(bound, together)}"


def _bound_meaning(bound: Bound, together: Sequence[str]) -> str:
    if bound == "latency-bound":
        return " No CPU is saturated because requests run one at a time, so requests/s does not indicate capacity."
    if bound == "client-bound" or "client" in together:
        return " The client is the bottleneck, so throughput of the servers is not reported."
    return ""


def _utilisation(loads: Sequence[Load]) -> str:
    roles = dict.fromkeys(role for load in loads for role in load.utilisation)
    return ", ".join(
        f"{role} {_percent_range([load.utilisation[role] for load in loads if role in load.utilisation])} busy"
        for role in roles
    )


def _percent_range(shares: Sequence[float]) -> str:
    low, high = f"{100 * min(shares):.0f}", f"{100 * max(shares):.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def _counting_cost(summary: Summary) -> Iterator[str]:
    cost = summary.counting_percent
    if cost:
        negligible = ", which is negligible (within 1 %)" if _lies_within(cost, NEGLIGIBLE_PERCENT) else ""
        yield (
            f"Reading the counters between visits changed the time of a request by {_percent(cost)}{negligible}; it "
            "affects all arms of a round equally and so cancels out of every difference."
        )


def _lies_within(amount: Amount, margin: float) -> bool:
    return amount.low is not None and amount.high is not None and -margin < amount.low <= amount.high < margin


def _percent(amount: Amount) -> str:
    interval = amount_of(amount)
    return difference(interval) if interval else f"{signed(amount.value, 1)} %"
