"""A validation in plain data: the answer, a section for each place, and what they rest on."""

from collections import Counter
from collections.abc import Iterator

from harness.model import Amount
from harness.model.validation import Claim, ForeignRow, Share, Spread, Standing, Validation
from harness.report.sheet import ABSENT, NOTHING, Cell, Row, Section, Sheet, difference_cell
from harness.report.validation.reasons import bound_sentences, misfit, place, told
from harness.report.wording import Estimate, counted, listed, signed, us_of

UNDECIDED: Standing = "cannot be decided"
STANDINGS: tuple[Standing, ...] = ("confirmed", "contradicted", UNDECIDED)
HEADER = ("architecture", "ms per\nrequest", "claimed us\n95 % interval", "here us\n95 % interval", "verdict")
SHARES = ("architecture", "container\nms", "bare ms\narm", "difference us\n95 % interval")
REFERENCE = "reference"
ENOUGH_PAIRS = 20  # for one in twenty to be one


def answer(validation: Validation) -> str:
    """What services visited in turn add, and how many claims there are and what became of them."""
    in_turn = [share for share in validation.shares if share.interval == "pairs"]
    added = f"In turn with the bare arms: {listed([_added(share) for share in in_turn])}." if in_turn else ""
    if not validation.claims:
        return added or "Nothing is claimed: no place has an architecture over TCP and another one."
    return f"{added} {_standings(validation)}".strip()


def _added(share: Share) -> str:
    """`docker takes +12 us (+3 to +20) beside tcp`."""
    low, high = share.us.low, share.us.high
    interval = "" if low is None or high is None else f" ({signed(low, 0)} to {signed(high, 0)})"
    return f"{share.architecture} takes {signed(share.us.value, 0)} us{interval} beside {share.arm}"


def _standings(validation: Validation) -> str:
    number = Counter(claim.standing for claim in validation.claims)
    if len(validation.claims) == 1:
        standing = validation.claims[0].standing
        return f"The one claim {f'{standing} from these data' if standing == UNDECIDED else f'is {standing}'}."
    claims = counted(len(validation.claims), "claim")
    if number[UNDECIDED] == len(validation.claims):
        return f"Of {claims}, none can be decided from these data."
    return f"Of {claims}, {listed([_became(one, number[one]) for one in STANDINGS if number[one]])}."


def _became(standing: Standing, number: int) -> str:
    """`1 is confirmed`, `2 are contradicted`, `3 cannot be decided`."""
    are = "is " if number == 1 else "are "
    return f"{number} {'' if standing == UNDECIDED else are}{standing}"


def warning(validation: Validation) -> str:
    """What must be known before anything is believed; empty when there is nothing."""
    if validation.valid:
        return ""
    return f"The bare run is not valid, which weighs on all below; barehop report {validation.directory} says why."


def sections(validation: Validation) -> list[Section]:
    return [*place_sections(validation), *share_sections(validation), *_singles(validation), *_bound(validation)]


def place_sections(validation: Validation) -> Iterator[Section]:
    """What is claimed at each place, and what becomes of it."""
    for where in dict.fromkeys(row.where for row in validation.rows):
        rows = [row for row in validation.rows if row.where == where]
        claims = [claim for claim in validation.claims if claim.where == where]
        sentences = [told(claim, validation) for claim in claims] or list(_unclaimed(rows))
        yield Section(_heading(where, rows), [*sentences, *_remarks(rows)], list(_sheets(rows, claims)))


def _sheets(rows: list[ForeignRow], claims: list[Claim]) -> Iterator[Sheet]:
    """One for each reference; where there are several, each with what is held against it alone."""
    references = list(dict.fromkeys(claim.against for claim in claims))
    if not references:
        yield Sheet("as measured", HEADER, [_row(row, None, "") for row in rows])
    for against in references:
        held = {claim.architecture: claim for claim in claims if claim.against == against}
        shown = rows if len(references) == 1 else [row for row in rows if row.architecture in (against, *held)]
        yield Sheet(f"against {against}", HEADER, [_row(row, held.get(row.architecture), against) for row in shown])


def _heading(where: str, rows: list[ForeignRow]) -> str:
    if all(row.interval == "pairs" for row in rows):
        return "Services visited in turn with the bare arms"
    return f"Claimed at {where}" if where else f"Claimed {place(where)}"


def _unclaimed(rows: list[ForeignRow]) -> Iterator[str]:
    if all(row.interval == "pairs" for row in rows):
        yield "No service over a Unix socket is compared with one over TCP, so nothing is claimed of the transport."
    else:
        where = place(rows[0].where)
        yield f"There is nothing to compare at {where}: a claim needs one architecture over TCP and another."
    yield from (misfit(row) for row in rows if not row.adds_up)


def _remarks(rows: list[ForeignRow]) -> Iterator[str]:
    """What else was seen in the files; a row that does not add up is named already."""
    yield from dict.fromkeys(remark for row in rows if row.adds_up for remark in row.remarks)


def _row(row: ForeignRow, claim: Claim | None, against: str) -> Row:
    time_ms: Cell = (ABSENT if row.time_us is None else f"{row.time_us.value / 1000:.3f}", "")
    if claim is None:
        return (
            (row.architecture, ""),
            time_ms,
            NOTHING,
            NOTHING,
            (REFERENCE if row.architecture == against else ABSENT, ""),
        )
    here = difference_cell(us_of(claim.bare) if claim.bare else None, 0, "")
    return ((row.architecture, ""), time_ms, _claimed(claim), here, (claim.standing, ""))


def _claimed(claim: Claim) -> Cell:
    if claim.us is None or claim.us_low is None or claim.us_high is None:
        return (ABSENT if claim.us is None else f"{claim.us:+.0f}", "")
    return difference_cell(Estimate(claim.us, claim.us_low, claim.us_high), 0, "")


def share_sections(validation: Validation) -> Iterator[Section]:
    """Containers less bare arms; nothing where none can be held against another."""
    if not validation.shares:
        return
    rows = [_share(share) for share in validation.shares]
    sentences = list(_on_shares(validation.shares))
    yield Section("What runtime and machine add", sentences, [Sheet("per request", SHARES, rows)])


def _share(share: Share) -> Row:
    name = share.architecture if share.interval == "pairs" else f"{share.where} {share.architecture}".strip()
    container, bare = (f"{amount.value / 1000:.3f}" for amount in (share.container_us, share.bare_us))
    return ((name, ""), (container, ""), (bare, share.arm), _amount(share.us))


def _amount(amount: Amount) -> Cell:
    if amount.low is None or amount.high is None:
        return (f"{amount.value:+.0f}", "")
    return difference_cell(Estimate(amount.value, amount.low, amount.high), 0, "")


def _on_shares(shares: tuple[Share, ...]) -> Iterator[str]:
    if any(share.interval == "pairs" for share in shares):
        yield (
            "In turn: the service's typical request less that of the bare arm, in pairs of the same minutes on one "
            "machine, so this is the runtime's share where both use one transport. A service is not started afresh for "
            "each session, as the bare arm is: the interval has room for the luck of its one start, as far as sessions "
            "scatter here. The times are each arm's own, so they need not differ by exactly that."
        )
    if any(share.interval != "pairs" for share in shares):
        yield (
            "From files: the container's mean time less that of the bare arm. It is the runtime's share only where "
            "both were measured on one machine; otherwise most of it can be the machine."
        )
    if any(share.interval == "" for share in shares):
        yield "Without an interval: a single run, which does not say how sure it is."
    if any(share.interval == "raw times" for share in shares):
        yield (
            "From the raw times of a single run (batch means, Schmeiser 1982): the interval speaks for that run; "
            "another one may lie outside it."
        )
    if any(share.interval == "runs" for share in shares):
        yield "From several runs: Student's t on the means of runs and of sessions (Welch 1947)."


def _singles(validation: Validation) -> Iterator[Section]:
    seen = (sentence for spread in validation.spreads for sentence in spread_sentences(spread))
    sentences = list(dict.fromkeys(seen))
    if sentences:
        cannot = "Nothing in a single run says how far the next one would lie from it, on that machine, at that hour."
        yield Section("What a single run can say", [*sentences, cannot], [])


def spread_sentences(spread: Spread) -> Iterator[str]:
    """How far runs of one and the same thing lie apart here."""
    short = f" (not every session has {spread.wanted})" if spread.requests < spread.wanted else ""
    kinds = {
        "one after the other": spread.next,
        "with everything started afresh between them": spread.apart,
    }
    for kind, pairs in kinds.items():
        if pairs:
            most = f", 5 of 100 by more than {pairs.most_percent:.1f} %" if pairs.pairs >= ENOUGH_PAIRS else ""
            yield (
                f"Two runs of one and the same arm here, {spread.requests} requests each{short}, {kind}: half of "
                f"{counted(pairs.pairs, 'pair')} differ by more than {pairs.typical_percent:.1f} %{most}."
            )


def _bound(validation: Validation) -> Iterator[Section]:
    heading = "What a socket can cost or save at most"
    if validation.bound:
        yield Section(heading, list(bound_sentences(validation.bound)), [])
    else:
        yield Section(
            heading,
            [
                "Not known here, so no claim is called too large. `barehop floor` measures it; then validate again, or "
                "take a run of `decompose`."
            ],
            [],
        )
