"""Sentences on a claim: what it says, its verdict and the reasons."""

from collections.abc import Callable, Iterator, Mapping

from harness.model import Comparison
from harness.model.validation import Claim, ClaimReason, ImportedRow, SocketBound, Validation
from harness.report.format import (
    format_signed,
    format_significant,
    join_with_and,
    pluralize,
    us_interval,
    us_with_interval,
)

UNNAMED_PLACE = "elsewhere"
US_PER_MS = 1000


def place_name(where: str) -> str:
    """Return the place, or "elsewhere" if it has no name."""
    return where or UNNAMED_PLACE


def claim_explanation(claim: Claim, validation: Validation) -> str:
    """Return the claim, its verdict, and all reasons."""
    reasons = " ".join(_REASON_SENTENCES[reason](claim, validation) for reason in claim.reasons)
    return f"{claim.architecture}: {claim.standing}. {_claim_sentence(claim)}{reasons}{_other_differences(claim)}"


def _claim_sentence(claim: Claim) -> str:
    if "does not add up" in claim.reasons or claim.percent is None:
        return ""
    if claim.us is None:
        return (
            f"Claimed: {_direction(claim.percent)} than {claim.against} by {abs(claim.percent):.1f} % (from its rate). "
        )
    size = f"{_us_size(claim.us)} ({abs(claim.percent or 0):.1f} %)"
    return f"Claimed: {_direction(claim.us)} than {claim.against} by {size}. "


def _other_differences(claim: Claim) -> str:
    if not claim.besides or claim.bare is None:
        return ""
    return (
        f" Here, {claim.bare.arm} also differs from {claim.bare.against} in {join_with_and(claim.besides)}, "
        "not only in the "
        "socket."
    )


def _inconsistent(claim: Claim, validation: Validation) -> str:
    rows = [row for row in _claim_rows(claim, validation) if not row.adds_up]
    return " ".join([*map(inconsistency_sentence, rows), *_both_readings(claim)])


def inconsistency_sentence(row: ImportedRow) -> str:
    """Return a sentence on a row with a rate that contradicts its time per request."""
    stated, by_rate = row.time_us.value if row.time_us else 0.0, row.by_rate_us or 0.0
    return (
        f"{row.architecture} is inconsistent: mean {stated / US_PER_MS:.3f} ms, but its requests/s imply "
        f"{by_rate / US_PER_MS:.3f} ms at {pluralize(row.connections or 1, 'connection')}."
    )


def _both_readings(claim: Claim) -> Iterator[str]:
    if claim.us is None or claim.by_rate_us is None:
        return
    yield (
        f"According to its time it is {_direction(claim.us)} than {claim.against} by {_us_size(claim.us)}, according "
        f"to its rate {_direction(claim.by_rate_us)} by {_us_size(claim.by_rate_us)}."
    )


def _failed_requests(claim: Claim, validation: Validation) -> str:
    failed = [f"{row.failed} of {row.architecture}" for row in _claim_rows(claim, validation) if row.failed]
    return f"Requests failed: {join_with_and(failed)}. The speed of errors does not indicate the speed of answers."


def _no_time(claim: Claim, validation: Validation) -> str:
    rows = [row for row in _claim_rows(claim, validation) if row.time_us is None]
    without = join_with_and([row.architecture for row in rows] or [claim.architecture])
    most = max((row.connections or 0 for row in rows), default=0)
    reason = f": it does not follow from a rate over {most} connections" if most > 1 else ""
    return f"The time per request of {without} is unknown{reason}."


def _single_runs(claim: Claim, validation: Validation) -> str:
    return f"Single runs do not show the variation between runs there. {_chance(claim, validation)}"


def _chance(claim: Claim, validation: Validation) -> str:
    spread = next((spread for spread in validation.spreads if spread.wanted == (claim.requests or spread.wanted)), None)
    if claim.chance is None or spread is None:
        return "This run does not show the variation here either."
    of_100 = 100 * claim.chance
    share = "fewer than 1" if of_100 < 1 else f"{of_100:.0f}"
    return f"Here, {share} of 100 pairs of runs of the same arm, {spread.requests} requests each, differ by more."


def _no_bare_comparison(claim: Claim, validation: Validation) -> str:
    if any(not row.transport for row in _claim_rows(claim, validation)):
        return f"The transport is unknown from the name {claim.architecture}; name it uds-{claim.architecture}."
    return f"The bare run has no comparison of an arm like {claim.architecture} with one like {claim.against}."


def _other_method(claim: Claim, _: Validation) -> str:
    return (
        f"{claim.architecture}, {claim.against} and their bare arms were not all measured in the same way, so the "
        "transport is not the only difference."
    )


def _undecided_in_run(_: Claim, __: Validation) -> str:
    return "Undecided in the run itself, with Holm's correction for all its comparisons."


def _undecided_in_bare_run(claim: Claim, _: Validation) -> str:
    return f"Undecided in the bare run: {_bare_result(claim.bare)}." if claim.bare else ""


def _includes_zero(claim: Claim, _: Validation) -> str:
    return f"Its 95 % interval, {_us_range(claim.us_low, claim.us_high)}, includes zero."


def _too_coarse(claim: Claim, _: Validation) -> str:
    interval = _us_range(claim.us_low, claim.us_high)
    return f"Its 95 % interval, {interval}, contains the difference here, {_bare_result(claim.bare)}."


def _beyond(claim: Claim, validation: Validation) -> str:
    if claim.us is None or claim.bound_us is None or validation.bound is None:
        return ""
    does = "cost" if claim.us > 0 else "save"
    times = abs(claim.us) / claim.bound_us
    return (
        f"The socket cannot {does} that much: the limit here is {format_significant(claim.bound_us, 2)} us, "
        "the claim is "
        f"{times:.1f} times as large."
    )


def _disagrees(claim: Claim, _: Validation) -> str:
    return f"The result here differs: {_bare_result(claim.bare)}. So the transport is not the reason."


def _agrees(claim: Claim, _: Validation) -> str:
    return f"The result here agrees: {_bare_result(claim.bare)}."


def _other_size(_: Claim, __: Validation) -> str:
    return "Only the sign agrees: the two intervals do not overlap, so another cause contributes there."


def _other_connections(claim: Claim, validation: Validation) -> str:
    counts = [pluralize(row.connections, "connection") for row in _claim_rows(claim, validation) if row.connections]
    return f"The number of connections differs from the bare arms: {join_with_and(list(dict.fromkeys(counts)))}."


_REASON_SENTENCES: Mapping[ClaimReason, Callable[[Claim, Validation], str]] = {
    "does not add up": _inconsistent,
    "failed requests": _failed_requests,
    "no time": _no_time,
    "other connections": _other_connections,
    "no bare comparison": _no_bare_comparison,
    "asked otherwise": _other_method,
    "undecided": _undecided_in_run,
    "bare undecided": _undecided_in_bare_run,
    "single runs": _single_runs,
    "includes zero": _includes_zero,
    "too coarse": _too_coarse,
    "beyond a socket": _beyond,
    "disagrees": _disagrees,
    "agrees": _agrees,
    "other size": _other_size,
}


def bound_sentences(bound: SocketBound) -> Iterator[str]:
    """Yield how the limit on the effect of a socket is derived, and why it is generous."""
    difference = bound.difference_us.value
    yield (
        f"A whole exchange (connect, close, the work of both programs, wake-ups) takes {bound.unix_us:.0f} us over "
        f"the Unix socket and {bound.tcp_us:.0f} us over TCP here ({bound.found_in}); the Unix socket takes "
        f"{_us_size(difference)} {'more' if difference > 0 else 'less'}."
    )
    yield (
        "The limit: a Unix socket can cost at most its whole exchange, as if TCP were free, and save at most the "
        "whole exchange of TCP. That is generous, because most of an exchange is wake-ups and the work of the "
        "programs, which both need. On a machine that is n times slower, n times the difference is allowed, if that "
        "is more: a slower machine does not change its sign."
    )
    if bound.ladder:
        yield (
            f"The rungs in {bound.ladder} with the verdict slower add at most {bound.unix_rungs_us:.0f} us to the Unix "
            f"socket and {bound.tcp_rungs_us:.0f} us to TCP. The limit includes them, scaled in the same way."
        )


def _claim_rows(claim: Claim, validation: Validation) -> list[ImportedRow]:
    names = (claim.architecture, claim.against)
    return [row for row in validation.rows if row.where == claim.where and row.architecture in names]


def _bare_result(bare: Comparison | None) -> str:
    """Return `uds-dir against tcp -14 us (-19 to -8), faster`."""
    if bare is None or bare.us is None:
        return "nothing was measured"
    interval = us_interval(bare)
    size = us_with_interval(interval) if interval else f"{format_signed(bare.us, 0)} us"
    corrected = interval and interval.excludes_zero and bare.verdict == "undecided"
    verdict = "undecided after Holm's correction" if corrected else bare.verdict or "no verdict"
    return f"{bare.arm} against {bare.against} {size}, {verdict}"


def _us_range(low: float | None, high: float | None) -> str:
    return f"{low or 0:+.0f} to {high or 0:+.0f} us"


def _direction(us: float) -> str:
    return "slower" if us > 0 else "faster"


def _us_size(us: float) -> str:
    return f"{abs(us):.0f} us"
