"""Says in plain words why a claim comes out as it does."""

from collections.abc import Callable, Iterator, Mapping

from harness.model import Comparison
from harness.model.validation import Claim, ForeignRow, Reason, SocketBound, Validation
from harness.report.wording import counted, listed, rounded, us_of

ELSEWHERE = "elsewhere"
MILLISECONDS = 1000


def place(where: str) -> str:
    return where or ELSEWHERE


def told(claim: Claim, validation: Validation) -> str:
    """What is claimed, the verdict, and every reason for it."""
    reasons = " ".join(_WORDS[reason](claim, validation) for reason in claim.reasons)
    return f"{claim.architecture}: {claim.standing}. {_claimed(claim)}{reasons}{_besides(claim)}"


def _claimed(claim: Claim) -> str:
    if "does not add up" in claim.reasons or claim.percent is None:
        return ""
    if claim.us is None:
        return f"By its rate it is {_which(claim.percent)} than {claim.against} by {abs(claim.percent):.1f} %. "
    size = f"{_us(claim.us)} ({abs(claim.percent or 0):.1f} %)"
    return f"It is given as {_which(claim.us)} than {claim.against} by {size}. "


def _besides(claim: Claim) -> str:
    if not claim.besides or claim.bare is None:
        return ""
    return (
        f" Here, {claim.bare.arm} differs from {claim.bare.against} in {listed(claim.besides)}, too: that is not the "
        "socket alone."
    )


def _does_not_add_up(claim: Claim, validation: Validation) -> str:
    rows = [row for row in _rows(claim, validation) if not row.adds_up]
    return " ".join([*map(misfit, rows), *_both_readings(claim)])


def misfit(row: ForeignRow) -> str:
    """A row whose time per request is not what its rate makes of it."""
    stated, by_rate = row.time_us.value if row.time_us else 0.0, row.by_rate_us or 0.0
    with_so_many = counted(row.connections or 1, "connection")
    return (
        f"{row.architecture} does not add up: {stated / MILLISECONDS:.3f} ms per request, but its rate makes that "
        f"{by_rate / MILLISECONDS:.3f} ms with {with_so_many}."
    )


def _both_readings(claim: Claim) -> Iterator[str]:
    if claim.us is None or claim.by_rate_us is None:
        return
    yield (
        f"By its time it is {_which(claim.us)} than {claim.against} by {_us(claim.us)}, by its rate "
        f"{_which(claim.by_rate_us)} by {_us(claim.by_rate_us)}."
    )


def _failed(claim: Claim, validation: Validation) -> str:
    failed = [f"{row.failed} of {row.architecture}" for row in _rows(claim, validation) if row.failed]
    return f"Requests failed: {listed(failed)}. How fast errors come says nothing of how fast answers do."


def _no_time(claim: Claim, validation: Validation) -> str:
    rows = [row for row in _rows(claim, validation) if row.time_us is None]
    without = listed([row.architecture for row in rows] or [claim.architecture])
    most = max((row.connections or 0 for row in rows), default=0)
    reason = f": a rate over {most} connections does not give it" if most > 1 else ""
    return f"The time per request of {without} is not known{reason}."


def _single(claim: Claim, validation: Validation) -> str:
    return f"Single runs do not say how far runs lie apart there. {_chance(claim, validation)}"


def _chance(claim: Claim, validation: Validation) -> str:
    spread = next((one for one in validation.spreads if one.wanted == (claim.requests or one.wanted)), None)
    if claim.chance is None or spread is None:
        return "How far they do here cannot be told from this run."
    of_100 = 100 * claim.chance
    share = "fewer than 1" if of_100 < 1 else f"{of_100:.0f}"
    return (
        f"Here, {share} of 100 pairs of runs of one and the same arm, {spread.requests} requests each, differ by more "
        "than that."
    )


def _no_bare(claim: Claim, validation: Validation) -> str:
    if any(not row.transport for row in _rows(claim, validation)):
        return f"The name {claim.architecture} does not tell its transport; uds-{claim.architecture} would."
    return (
        f"The bare run does not compare an arm for {claim.architecture} with one for {claim.against}, so there is "
        "nothing to hold it against."
    )


def _asked_otherwise(claim: Claim, _: Validation) -> str:
    return (
        f"{claim.architecture}, {claim.against} and their bare arms were not all asked in the same way, so it is not "
        "the transport alone."
    )


def _undecided(_: Claim, __: Validation) -> str:
    return "The run itself has not decided it, with Holm's correction for all that it compared."


def _bare_undecided(claim: Claim, _: Validation) -> str:
    return f"The bare run itself has not decided: {_here(claim.bare)}." if claim.bare else ""


def _includes_zero(claim: Claim, _: Validation) -> str:
    return f"Its 95 % interval, {_interval(claim.us_low, claim.us_high)}, includes zero."


def _too_coarse(claim: Claim, _: Validation) -> str:
    return (
        f"Its 95 % interval, {_interval(claim.us_low, claim.us_high)}, has room for what is so here, "
        f"{_here(claim.bare)}."
    )


def _beyond(claim: Claim, validation: Validation) -> str:
    if claim.us is None or claim.bound_us is None or validation.bound is None:
        return ""
    does = "cost" if claim.us > 0 else "save"
    times = abs(claim.us) / claim.bound_us
    return (
        f"A socket cannot {does} so much: {rounded(claim.bound_us, 2)} us is the most here, so it would have to be "
        f"{times:.1f} times as {'dear' if claim.us > 0 else 'cheap'}."
    )


def _disagrees(claim: Claim, _: Validation) -> str:
    return f"Here it is otherwise: {_here(claim.bare)}. So the transport is not the reason."


def _agrees(claim: Claim, _: Validation) -> str:
    return f"It is so here: {_here(claim.bare)}."


def _other_size(_: Claim, __: Validation) -> str:
    return "Only the sign agrees: the two intervals do not meet, so something else adds to it there."


def _other_connections(claim: Claim, validation: Validation) -> str:
    seen = [counted(row.connections, "connection") for row in _rows(claim, validation) if row.connections]
    return f"Not all were measured with as many connections as the bare arms: {listed(list(dict.fromkeys(seen)))}."


_WORDS: Mapping[Reason, Callable[[Claim, Validation], str]] = {
    "does not add up": _does_not_add_up,
    "failed requests": _failed,
    "no time": _no_time,
    "other connections": _other_connections,
    "no bare comparison": _no_bare,
    "asked otherwise": _asked_otherwise,
    "undecided": _undecided,
    "bare undecided": _bare_undecided,
    "single runs": _single,
    "includes zero": _includes_zero,
    "too coarse": _too_coarse,
    "beyond a socket": _beyond,
    "disagrees": _disagrees,
    "agrees": _agrees,
    "other size": _other_size,
}


def bound_sentences(bound: SocketBound) -> Iterator[str]:
    """Where the most that a socket can cost or save comes from, and why it is generous."""
    difference = bound.difference_us.value
    yield (
        f"A whole exchange, with connecting, closing, the work of both programs and their waking, takes "
        f"{bound.unix_us:.0f} us over the Unix socket and {bound.tcp_us:.0f} us over TCP here ({bound.found_in}); the "
        f"socket's takes {_us(difference)} {'more' if difference > 0 else 'less'}."
    )
    yield (
        "A socket is granted the whole of its exchange with TCP for nothing, and TCP the whole of its own. That is "
        "generous, for most of either is waking and the programs' work, which both need. Where everything takes n "
        "times as long, n times the difference is granted, if that is more: a slower machine does not turn its sign."
    )
    if bound.ladder:
        yield (
            f"The rungs in {bound.ladder} that are slower for sure add at most {bound.unix_rungs_us:.0f} us to the "
            f"Unix socket and {bound.tcp_rungs_us:.0f} us to TCP. That is granted as well, as many times as everything "
            "is slower."
        )


def _rows(claim: Claim, validation: Validation) -> list[ForeignRow]:
    names = (claim.architecture, claim.against)
    return [row for row in validation.rows if row.where == claim.where and row.architecture in names]


def _here(bare: Comparison | None) -> str:
    """`uds-dir against tcp -14 us (-19 to -8), faster`."""
    if bare is None or bare.us is None:
        return "nothing was measured"
    estimate = us_of(bare)
    interval = f" ({_interval(estimate.low, estimate.high)})" if estimate else ""
    corrected = estimate and estimate.excludes_zero and bare.verdict == "undecided"
    verdict = "undecided after Holm's correction" if corrected else bare.verdict
    return f"{bare.arm} against {bare.against} {bare.us:+.0f} us{interval}, {verdict or 'without a verdict'}"


def _interval(low: float | None, high: float | None) -> str:
    return f"{low or 0:+.0f} to {high or 0:+.0f} us"


def _which(us: float) -> str:
    return "slower" if us > 0 else "faster"


def _us(us: float) -> str:
    return f"{abs(us):.0f} us"
