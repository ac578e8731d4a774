"""The sections of a validation."""

from collections import Counter
from collections.abc import Iterator

from harness.model import Interval
from harness.model.validation import Claim, ClaimStatus, ImportedRow, RuntimeShare, SingleRunSpread, Validation
from harness.report.document import Report
from harness.report.format import (
    amount_interval,
    format_signed,
    join_with_and,
    pluralize,
    us_interval,
    us_with_interval,
)
from harness.report.sections.validation_reasons import (
    bound_sentences,
    claim_explanation,
    inconsistency_sentence,
    place_name,
)
from harness.report.table import (
    ABSENT,
    EMPTY_CELL,
    DataTable,
    TableCell,
    TableRow,
    TextSection,
    amount_cell,
    difference_cell,
    new_section,
)

UNDECIDED: ClaimStatus = "cannot be decided"
STANDINGS: tuple[ClaimStatus, ...] = ("confirmed", "contradicted", UNDECIDED)
CLAIM_HEADER = ("architecture", "ms per\nrequest", "claimed us\n95 % interval", "here us\n95 % interval", "verdict")
SHARE_HEADER = ("architecture", "container\nms", "bare ms\narm", "difference us\n95 % interval")
REFERENCE_VERDICT = "reference"
MIN_PAIRS = 20  # to estimate the 95th percentile


def validation_report(validation: Validation) -> Report:
    """Return the report of a validation."""
    return Report(
        title=f"Imported results, compared with {validation.experiment}",
        warning=validation_warning(validation),
        is_valid=validation.valid,
        answer=[validation_answer(validation)],
        certainty=[f"Compared with {validation.experiment} in {validation.directory}."],
        sections=list(map(new_section, validation_sections(validation))),
    )


def validation_answer(validation: Validation) -> str:
    """Return what interleaved services add, and the number of claims by verdict."""
    in_turn = [share for share in validation.shares if share.interval == "pairs"]
    added = (
        f"Interleaved with the bare arms: {join_with_and([_added_clause(share) for share in in_turn])}."
        if in_turn
        else ""
    )
    if not validation.claims:
        return added or "No claims: no place has an architecture over TCP and another one."
    return f"{added} {_standings_sentence(validation)}".strip()


def _added_clause(share: RuntimeShare) -> str:
    """Return `docker against tcp +12 us (+3 to +20)`."""
    interval = amount_interval(share.us)
    size = us_with_interval(interval) if interval else f"{format_signed(share.us.value, 0)} us"
    return f"{share.architecture} against {share.arm} {size}"


def _standings_sentence(validation: Validation) -> str:
    number = Counter(claim.standing for claim in validation.claims)
    if len(validation.claims) == 1:
        standing = validation.claims[0].standing
        return f"The only claim {f'{standing} from these data' if standing == UNDECIDED else f'is {standing}'}."
    claims = pluralize(len(validation.claims), "claim")
    if number[UNDECIDED] == len(validation.claims):
        return f"Of {claims}, none can be decided from these data."
    clauses = [_standing_clause(standing, number[standing]) for standing in STANDINGS if number[standing]]
    return f"Of {claims}, {join_with_and(clauses)}."


def _standing_clause(standing: ClaimStatus, number: int) -> str:
    """Return `1 is confirmed`, `2 are contradicted` or `3 cannot be decided`."""
    are = "is " if number == 1 else "are "
    return f"{number} {'' if standing == UNDECIDED else are}{standing}"


def validation_warning(validation: Validation) -> str:
    """Return a warning if the bare run is not valid, else nothing."""
    if validation.valid:
        return ""
    return (
        f"The bare run is not valid, so the results below are doubtful. Reasons: barehop report {validation.directory}"
    )


def validation_sections(validation: Validation) -> list[TextSection]:
    """Return all sections of the validation."""
    return [
        *place_sections(validation),
        *share_sections(validation),
        *_spread_section(validation),
        *_bound_section(validation),
    ]


def place_sections(validation: Validation) -> Iterator[TextSection]:
    """Yield the claims of each place and their verdicts."""
    for where in dict.fromkeys(row.where for row in validation.rows):
        rows = [row for row in validation.rows if row.where == where]
        claims = [claim for claim in validation.claims if claim.where == where]
        sentences = [claim_explanation(claim, validation) for claim in claims] or list(_no_claim_sentences(rows))
        yield TextSection(_place_heading(where, rows), [*sentences, *_remarks(rows)], list(_claim_sheets(rows, claims)))


def _claim_sheets(rows: list[ImportedRow], claims: list[Claim]) -> Iterator[DataTable]:
    """Yield a table for each reference, with the rows that are compared with it."""
    references = list(dict.fromkeys(claim.against for claim in claims))
    if not references:
        yield DataTable("as measured", CLAIM_HEADER, [_foreign_row(row, None, "") for row in rows])
    for against in references:
        by_architecture = {claim.architecture: claim for claim in claims if claim.against == against}
        selected = (
            rows if len(references) == 1 else [row for row in rows if row.architecture in (against, *by_architecture)]
        )
        yield DataTable(
            f"against {against}",
            CLAIM_HEADER,
            [_foreign_row(row, by_architecture.get(row.architecture), against) for row in selected],
        )


def _place_heading(where: str, rows: list[ImportedRow]) -> str:
    if all(row.interval == "pairs" for row in rows):
        return "Services interleaved with the bare arms"
    return f"Claimed at {where}" if where else f"Claimed {place_name(where)}"


def _no_claim_sentences(rows: list[ImportedRow]) -> Iterator[str]:
    if all(row.interval == "pairs" for row in rows):
        yield "No service over a Unix socket is compared with one over TCP, so there is no claim about the transport."
    else:
        where = place_name(rows[0].where)
        yield f"No claim at {where}: a claim needs an architecture over TCP and another one."
    yield from (inconsistency_sentence(row) for row in rows if not row.adds_up)


def _remarks(rows: list[ImportedRow]) -> Iterator[str]:
    """Yield other remarks on the files; inconsistent rows have their own sentence."""
    yield from dict.fromkeys(remark for row in rows if row.adds_up for remark in row.remarks)


def _foreign_row(row: ImportedRow, claim: Claim | None, against: str) -> TableRow:
    time_ms: TableCell = (ABSENT if row.time_us is None else f"{row.time_us.value / 1000:.3f}", "")
    if claim is None:
        return (
            (row.architecture, ""),
            time_ms,
            EMPTY_CELL,
            EMPTY_CELL,
            (REFERENCE_VERDICT if row.architecture == against else ABSENT, ""),
        )
    here = difference_cell(us_interval(claim.bare) if claim.bare else None, 0, "")
    return ((row.architecture, ""), time_ms, _claimed_cell(claim), here, (claim.standing, ""))


def _claimed_cell(claim: Claim) -> TableCell:
    return (
        (ABSENT, "")
        if claim.us is None
        else amount_cell(Interval(value=claim.us, low=claim.us_low, high=claim.us_high))
    )


def share_sections(validation: Validation) -> Iterator[TextSection]:
    """Yield a section on containers minus bare arms, if there are pairs of them."""
    if not validation.shares:
        return
    rows = [_share_row(share) for share in validation.shares]
    sentences = list(_share_explanations(validation.shares))
    yield TextSection("What the runtime and the machine add", sentences, [DataTable("per request", SHARE_HEADER, rows)])


def _share_row(share: RuntimeShare) -> TableRow:
    name = share.architecture if share.interval == "pairs" else f"{share.where} {share.architecture}".strip()
    container, bare = (f"{amount.value / 1000:.3f}" for amount in (share.container_us, share.bare_us))
    return ((name, ""), (container, ""), (bare, share.arm), amount_cell(share.us))


def _share_explanations(shares: tuple[RuntimeShare, ...]) -> Iterator[str]:
    if any(share.interval == "pairs" for share in shares):
        yield (
            "Interleaved: the typical request of the service minus that of the bare arm, in pairs of neighbouring "
            "visits on one machine. If both use the same transport, this is the share of the runtime. Unlike the "
            "bare arm, a service is not restarted for each session, so the interval is widened for the variance "
            "between starts, estimated from the sessions. The two times are medians of each arm, so their difference "
            "need not match exactly."
        )
    if any(share.interval != "pairs" for share in shares):
        yield (
            "From files: the mean time of the container minus that of the bare arm. It is the share of the runtime "
            "only if both were measured on one machine; otherwise the machine may explain most of it."
        )
    if any(share.interval == "" for share in shares):
        yield "Without an interval: a single run, which does not show its uncertainty."
    if any(share.interval == "raw times" for share in shares):
        yield (
            "From the raw times of a single run (batch means, Schmeiser 1982): the interval is valid for that run "
            "only; another run may lie outside it."
        )
    if any(share.interval == "runs" for share in shares):
        yield "From several runs: Student's t on the means of runs and of sessions (Welch 1947)."


def _spread_section(validation: Validation) -> Iterator[TextSection]:
    sentences = list(dict.fromkeys(text for spread in validation.spreads for text in spread_sentences(spread)))
    if sentences:
        cannot = "A single run does not show how much the next run on that machine would differ."
        yield TextSection("What a single run can show", [*sentences, cannot], [])


def spread_sentences(spread: SingleRunSpread) -> Iterator[str]:
    """Yield how much runs of the same arm differ here."""
    short = f" (not every session has {spread.wanted})" if spread.requests < spread.wanted else ""
    kinds = {
        "one after the other": spread.next,
        "with a restart of everything between them": spread.apart,
    }
    for kind, pairs in kinds.items():
        if pairs:
            most = f", 5 % of them by more than {pairs.most_percent:.1f} %" if pairs.pairs >= MIN_PAIRS else ""
            yield (
                f"A/A spread here: two runs of the same arm, {spread.requests} requests each{short}, {kind}: half of "
                f"{pluralize(pairs.pairs, 'pair')} differ by more than {pairs.typical_percent:.1f} %{most}."
            )


def _bound_section(validation: Validation) -> Iterator[TextSection]:
    heading = "The largest effect that a socket can have"
    if validation.bound:
        yield TextSection(heading, list(bound_sentences(validation.bound)), [])
    else:
        yield TextSection(
            heading,
            [
                "Unknown here, so no claim is called too large. Measure it with `barehop floor` and validate again, or "
                "use a run of `decompose`."
            ],
            [],
        )
