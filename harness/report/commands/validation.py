"""The report of `barehop validate`: each claim, its status and the reasons, what the runtime adds, and the limits."""

from collections.abc import Iterator, Mapping, Sequence

from harness.model import Comparison
from harness.model.validation import (
    Claim,
    ClaimReason,
    ClaimStatus,
    ImportedRow,
    RuntimeShare,
    SingleRunSpread,
    SocketBound,
    Validation,
)
from harness.report.cells import ABSENT, format_milliseconds, us_cell
from harness.report.document import Column, IntervalCell, NumberCell, Report, Row, Section, Table, TextCell, VerdictCell
from harness.report.figures.intervals import claims_figure
from harness.report.format import (
    format_significant,
    format_us_amount,
    join_with_and,
    pluralize,
    us_interval,
    verdict_counts,
    verdict_phrase,
)
from harness.report.select import identity_sentence

UNDECIDED: ClaimStatus = "cannot be decided"
NO_SERVICE_CLAIM = (
    "No service over a Unix socket is compared with one over TCP, so there is no claim about the transport."
)
CANNOT_SHOW = "A single run does not show how much the next run on that machine would differ, so it decides no claim."
UNKNOWN_BOUND = (
    "Unknown here, so no claim is called too large. Measure it with `barehop floor` and validate again, or use a run "
    "of `decompose`."
)
GENEROUS_BOUND = (
    "The limit: a Unix socket can cost at most its whole exchange, as if TCP were free, and save at most the whole "
    "exchange of TCP. That is generous, because most of an exchange is wake-ups and the work of the programs, which "
    "both need. On a machine that is n times slower, n times the difference is allowed, if that is more: a slower "
    "machine does not change its sign."
)
MIN_PAIRS = 20  # to estimate the 95th percentile
CLAIM_COLUMNS = (
    Column("architecture"),
    Column("ms per", "request"),
    Column("claimed us", "95 % interval"),
    Column("here us", "95 % interval"),
    Column("verdict"),
)
SHARE_COLUMNS = (
    Column("architecture"),
    Column("container", "ms"),
    Column("bare ms", "arm"),
    Column("difference us", "95 % interval"),
)
REASONS: Mapping[ClaimReason, str] = {  # with the words of `_reason_words`; single runs: `_chance`
    "does not add up": "{inconsistencies}{both_readings}",
    "failed requests": "Requests failed: {failures}. The speed of errors does not indicate the speed of answers.",
    "no time": "The time per request of {untimed} is unknown{many_connections}.",
    "other connections": "The number of connections differs from the bare arms: {connections}.",
    "no bare comparison": "{unmatched}",
    "asked otherwise": "{ours}, {theirs} and their bare arms were not all measured in the same way, so the transport "
    "is not the only difference.",
    "undecided": "Undecided in the run itself, with Holm's correction for all its comparisons.",
    "bare undecided": "Undecided in the bare run: {here}.",
    "includes zero": "Its 95 % interval, {interval}, includes zero.",
    "too coarse": "Its 95 % interval, {interval}, contains the difference here, {here}.",
    "beyond a socket": "The socket cannot {effect} that much: the limit here is {limit} us, the claim is {times} times "
    "as large.",
    "disagrees": "The result here differs: {here}. So the transport is not the reason.",
    "agrees": "The result here agrees: {here}.",
    "other size": "Only the sign agrees: the two intervals do not overlap, so another cause contributes there.",
}
SHARE_SOURCES = {
    "pairs": "Interleaved: the typical request of the service minus that of the bare arm, in pairs of neighbouring "
    "visits on one machine. If both use the same transport, this is the share of the runtime. Unlike the bare arm, a "
    "service is not restarted for each session, so the interval is widened for the variance between starts, estimated "
    "from the sessions. The two times are medians of each arm, so their difference need not match exactly.",
    "files": "From files: the mean time of the container minus that of the bare arm. It is the share of the runtime "
    "only if both were measured on one machine; otherwise the machine may explain most of it.",
    "": "Without an interval: a single run, which does not show its uncertainty.",
    "raw times": "From the raw times of a single run (batch means, Schmeiser 1982): the interval is valid for that run "
    "only; another run may lie outside it.",
    "runs": "From several runs: Student's t on the means of runs and of sessions (Welch 1947).",
}


def validation_report(validation: Validation) -> Report:
    """Return the report of a validation."""
    figure = claims_figure(validation)
    spreads = dict.fromkeys(text for spread in validation.spreads for text in spread_sentences(spread))
    has_single_runs = any("single runs" in claim.reasons for claim in validation.claims)
    reasons = f"barehop report {validation.directory}"
    warning = f"The bare run is not valid, so the results below are doubtful. Reasons: {reasons}"
    return Report(
        title=f"Imported results, compared with {validation.experiment}",
        warning="" if validation.valid else warning,
        is_valid=validation.valid,
        answer=[validation_answer(validation)],
        sections=[
            *([Section("Claimed and here", figures=[figure])] if figure else []),
            *place_sections(validation),
            *share_sections(validation),
            *([Section("What a single run can show", [*spreads, CANNOT_SHOW])] if spreads or has_single_runs else []),
            Section("The largest effect that a socket can have", list(bound_sentences(validation.bound))),
        ],
        next_steps=[("The bare run", reasons)],
        identity=identity_sentence(validation.id),
    )


def validation_answer(validation: Validation) -> str:
    """Return what interleaved services add, and the number of claims by verdict."""
    added = [
        f"{share.architecture} against {share.arm} {format_us_amount(share.us)}"
        for share in validation.shares
        if share.interval == "pairs"
    ]
    answer = f"Interleaved with the bare arms: {join_with_and(added)}." if added else ""
    if not validation.claims:
        return answer or "No claims: no place has an architecture over TCP and another one."
    return f"{answer} {_standings_sentence(validation.claims)}".strip()


def _standings_sentence(claims: Sequence[Claim]) -> str:
    standings = [claim.standing for claim in claims]
    data = " from these data" if set(standings) == {UNDECIDED} else ""
    if len(claims) == 1:
        return f"The only claim {verdict_phrase(standings[0], 1, None)}{data}."
    counts = "none can be decided" if data else verdict_counts(standings, None)
    return f"Of {len(claims)} claims, {counts}{data}."


# Claims


def place_sections(validation: Validation) -> Iterator[Section]:
    """Yield the claims of each place and their verdicts."""
    for where in dict.fromkeys(row.where for row in validation.rows):
        rows = [row for row in validation.rows if row.where == where]
        claims = [claim for claim in validation.claims if claim.where == where]
        heading = f"Claimed at {where}" if where else "Claimed elsewhere"
        no_claim = f"No claim at {where or 'elsewhere'}: a claim needs an architecture over TCP and another one."
        if all(row.interval == "pairs" for row in rows):
            heading, no_claim = "Services interleaved with the bare arms", NO_SERVICE_CLAIM
        remarks = dict.fromkeys(remark for row in rows if row.adds_up for remark in row.remarks)
        explanations = [claim_explanation(claim, validation) for claim in claims] or [
            no_claim,
            *(_inconsistency(row) for row in rows if not row.adds_up),
        ]
        yield Section(heading, [*explanations, *remarks], list(_claim_tables(rows, claims)))


def _claim_tables(rows: Sequence[ImportedRow], claims: Sequence[Claim]) -> Iterator[Table]:
    """Yield a table for each reference, with the rows that are compared with it."""
    if not claims:
        times = [Row(_time_cells(row)) for row in rows]
        yield Table("as measured", CLAIM_COLUMNS[:2], times)
    references = dict.fromkeys(claim.against for claim in claims)
    for against in references:
        by_architecture = {claim.architecture: claim for claim in claims if claim.against == against}
        shown = [row for row in rows if len(references) == 1 or row.architecture in (against, *by_architecture)]
        cells = [_claim_row(row, by_architecture.get(row.architecture), against) for row in shown]
        yield Table(f"against {against}", CLAIM_COLUMNS, cells)


def _claim_row(row: ImportedRow, claim: Claim | None, against: str) -> Row:
    if claim is None:
        verdict = "reference" if row.architecture == against else ABSENT
        return Row([*_time_cells(row), NumberCell(), NumberCell(), VerdictCell(verdict)])
    here = us_cell(claim.bare) if claim.bare else IntervalCell(None)
    return Row([*_time_cells(row), IntervalCell(claim.in_us), here, VerdictCell(claim.standing)])


def _time_cells(row: ImportedRow) -> tuple[TextCell, NumberCell]:
    return TextCell(row.architecture), NumberCell(format_milliseconds(row.time_us.value if row.time_us else None))


def claim_explanation(claim: Claim, validation: Validation) -> str:
    """Return the claim, its verdict, and all reasons."""
    words = _reason_words(claim, validation)
    sentences = [f"{claim.architecture}: {claim.standing}."]
    if claim.percent is not None and "does not add up" not in claim.reasons:
        size = f"{abs(claim.percent):.1f} %"
        direction = _direction(claim.percent if claim.us is None else claim.us)
        by = f"{size} (from its rate)" if claim.us is None else f"{abs(claim.us):.0f} us ({size})"
        sentences.append(f"Claimed: {direction} than {claim.against} by {by}{_chance(claim, validation.spreads)}.")
    sentences += [REASONS[reason].format_map(words) for reason in claim.reasons if reason in REASONS]
    if claim.besides and claim.bare:
        others = join_with_and(claim.besides)
        sentences.append(
            f"Here, {claim.bare.arm} also differs from {claim.bare.against} in {others}, not only in the socket."
        )
    return " ".join(sentences)


def _reason_words(claim: Claim, validation: Validation) -> dict[str, str]:
    """Return the words that the sentences on reasons contain."""
    names = (claim.architecture, claim.against)
    rows = [row for row in validation.rows if row.where == claim.where and row.architecture in names]
    most = max((row.connections or 0 for row in rows), default=0)
    connections = dict.fromkeys(pluralize(row.connections, "connection") for row in rows if row.connections)
    return {
        "ours": claim.architecture,
        "theirs": claim.against,
        "here": _bare_result(claim.bare),
        "interval": f"{claim.us_low or 0:+.0f} to {claim.us_high or 0:+.0f} us",
        "failures": join_with_and([f"{row.failed} of {row.architecture}" for row in rows if row.failed]),
        "untimed": join_with_and([row.architecture for row in rows if row.time_us is None] or [claim.architecture]),
        "many_connections": f": it does not follow from a rate over {most} connections" if most > 1 else "",
        "connections": join_with_and(list(connections)),
        "unmatched": _unmatched(*names, is_named=all(row.transport for row in rows)),
        "inconsistencies": " ".join(_inconsistency(row) for row in rows if not row.adds_up),
        "both_readings": _both_readings(claim),
        "effect": "cost" if (claim.us or 0) > 0 else "save",
        "limit": format_significant(claim.bound_us or 0, 2),
        "times": f"{abs(claim.us or 0) / claim.bound_us:.1f}" if claim.bound_us else "",
    }


def _unmatched(ours: str, theirs: str, *, is_named: bool) -> str:
    if is_named:
        return f"The bare run has no comparison of an arm like {ours} with one like {theirs}."
    return f"The transport is unknown from the name {ours}; name it uds-{ours}."


def _inconsistency(row: ImportedRow) -> str:
    """Return a sentence on a row with a rate that contradicts its time per request."""
    return (
        f"{row.architecture} is inconsistent: mean {format_milliseconds(row.time_us.value if row.time_us else 0)} ms, "
        f"but its requests/s imply {format_milliseconds(row.by_rate_us or 0)} ms at "
        f"{pluralize(row.connections or 1, 'connection')}."
    )


def _both_readings(claim: Claim) -> str:
    if claim.us is None or claim.by_rate_us is None:
        return ""
    by_time = f"{_direction(claim.us)} than {claim.against} by {abs(claim.us):.0f} us"
    by_rate = f"{_direction(claim.by_rate_us)} by {abs(claim.by_rate_us):.0f} us"
    return f" According to its time it is {by_time}, according to its rate {by_rate}."


def _chance(claim: Claim, spreads: Sequence[SingleRunSpread]) -> str:
    """Return `, in single runs; here, 71 of 100 pairs of runs of the same arm differ by more`, "" for repeated runs."""
    if "single runs" not in claim.reasons:
        return ""
    spread = next((spread for spread in spreads if spread.wanted == (claim.requests or spread.wanted)), None)
    if claim.chance is None or spread is None:
        return ", in single runs"
    of_100 = 100 * claim.chance
    share = "fewer than 1" if of_100 < 1 else f"{of_100:.0f}"
    requests = f", {spread.requests} requests each," if len(spreads) > 1 else ""
    return f", in single runs; here, {share} of 100 pairs of runs of the same arm{requests} differ by more"


def _bare_result(bare: Comparison | None) -> str:
    """Return `uds-dir against tcp -14 us (-19 to -8), faster`."""
    if bare is None or bare.in_us is None:
        return "nothing was measured"
    interval, size = us_interval(bare), format_us_amount(bare.in_us)
    is_corrected = interval and interval.excludes_zero and bare.verdict == "undecided"
    verdict = "undecided after Holm's correction" if is_corrected else bare.verdict or "no verdict"
    return f"{bare.arm} against {bare.against} {size}, {verdict}"


def _direction(us: float) -> str:
    return "slower" if us > 0 else "faster"


# What the runtime adds, what single runs show, and what a socket can cost


def share_sections(validation: Validation) -> Iterator[Section]:
    """Yield a section on containers minus bare arms, if there are pairs of them."""
    if not validation.shares:
        return
    sources: set[str] = {share.interval for share in validation.shares}
    if sources - {"pairs"}:
        sources.add("files")
    explanations = [text for source, text in SHARE_SOURCES.items() if source in sources]
    rows = [_share_row(share) for share in validation.shares]
    yield Section("What the runtime and the machine add", explanations, [Table("per request", SHARE_COLUMNS, rows)])


def _share_row(share: RuntimeShare) -> Row:
    name = share.architecture if share.interval == "pairs" else f"{share.where} {share.architecture}".strip()
    container, bare = (format_milliseconds(interval.value) for interval in (share.container_us, share.bare_us))
    return Row([TextCell(name), NumberCell(container), NumberCell(bare, share.arm), IntervalCell(share.us)])


def spread_sentences(spread: SingleRunSpread) -> Iterator[str]:
    """Yield how much runs of the same arm differ here."""
    short = f" (not every session has {spread.wanted})" if spread.requests < spread.wanted else ""
    kinds = {"one after the other": spread.next, "with a restart of everything between them": spread.apart}
    for kind, pairs in kinds.items():
        if pairs:
            most = f", 5 % of them by more than {pairs.most_percent:.1f} %" if pairs.pairs >= MIN_PAIRS else ""
            yield (
                f"A/A spread here: two runs of the same arm, {spread.requests} requests each{short}, {kind}: half of "
                f"{pluralize(pairs.pairs, 'pair')} differ by more than {pairs.typical_percent:.1f} %{most}."
            )


def bound_sentences(bound: SocketBound | None) -> Iterator[str]:
    """Yield how the limit on the effect of a socket is derived, and why it is generous."""
    if bound is None:
        yield UNKNOWN_BOUND
        return
    difference = bound.difference_us.value
    yield (
        f"A whole exchange (connect, close, the work of both programs, wake-ups) takes {bound.unix_us:.0f} us over "
        f"the Unix socket and {bound.tcp_us:.0f} us over TCP here ({bound.found_in}); the Unix socket takes "
        f"{abs(difference):.0f} us {'more' if difference > 0 else 'less'}."
    )
    yield GENEROUS_BOUND
    if bound.ladder:
        yield (
            f"The rungs in {bound.ladder} with the verdict slower add at most {bound.unix_rungs_us:.0f} us to the Unix "
            f"socket and {bound.tcp_rungs_us:.0f} us to TCP. The limit includes them, scaled in the same way."
        )
