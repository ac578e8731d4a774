"""The figure of claims: claimed differences beside those of the bare arms."""

from collections.abc import Iterator, Sequence

from harness.model.validation import Claim, Validation
from harness.report.html.figures.style import (
    COLORS,
    NEUTRAL,
    Figure,
    Json,
    axis,
    heading,
    label,
    layout,
    mark,
    short,
    whiskers,
)
from harness.report.html.typeset import typeset
from harness.report.wording import Estimate, listed, percent_of

CLAIM_HEIGHT, AXIS_HEIGHT = 62, 62  # pixels
CLAIM_NAME_OFFSET, VALUE_OFFSET = 0.42, 0.13  # of a row
MAX_SPREAD_PERCENT = 60.0  # of the A/A spread that is drawn
HERE, THERE = COLORS[0], COLORS[1]


def claims(validation: Validation) -> Figure | None:
    """Return each claim with its interval or the A/A spread, above the bare arms; None without consistent claims."""
    sound = [claim for claim in validation.claims if "does not add up" not in claim.reasons]
    rows = [claim for claim in sound if claim.percent is not None]
    if not rows:
        return None
    data = [trace for place, claim in enumerate(rows) for trace in _claim_traces(place, claim, validation)]
    alt = f"Time per request against TCP, claimed and here: {listed([_claim_text(claim) for claim in rows])}."
    return Figure("claims", alt, data, _claims_layout(rows, validation))


def _claim_traces(row: int, claim: Claim, validation: Validation) -> Iterator[Json]:
    interval, has_interval = _claim_interval(claim, validation)
    yield _claim_marker(
        row - VALUE_OFFSET, interval, THERE if has_interval else NEUTRAL, {"color": THERE, "symbol": "diamond"}
    )
    bare = percent_of(claim.bare) if claim.bare else None
    if bare:
        yield _claim_marker(row + VALUE_OFFSET, bare, HERE, {"color": HERE, "symbol": "circle"})


def _claim_interval(claim: Claim, validation: Validation) -> tuple[Estimate, bool]:
    """Return the claim with its own interval (True) or with the A/A spread of single runs here (False)."""
    value = claim.percent or 0.0
    if claim.percent_low is not None and claim.percent_high is not None:
        return Estimate(value, claim.percent_low, claim.percent_high), True
    apart = [pairs.most_percent for spread in validation.spreads for pairs in [spread.apart or spread.next] if pairs]
    reach = min([MAX_SPREAD_PERCENT, *apart]) if apart else 0.0
    return Estimate(value, value - reach, value + reach), False


def _claim_marker(height: float, estimate: Estimate, color: str, marker: Json) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": short([estimate.value]),
        "y": short([height]),
        "marker": {"size": 10, **marker},
        "error_x": whiskers([estimate.low], [estimate.value], [estimate.high], color),
        "hovertemplate": f"{_percent_text(estimate.value)}<extra></extra>",
    }


def _claims_layout(rows: Sequence[Claim], validation: Validation) -> Json:
    estimates = [_claim_interval(claim, validation)[0] for claim in rows]
    estimates += [interval for claim in rows if claim.bare and (interval := percent_of(claim.bare))]
    ends = [0.0, *(end for estimate in estimates for end in (estimate.low, estimate.high))]
    room = 0.05 * (max(ends) - min(ends))
    return layout(
        CLAIM_HEIGHT * len(rows) + AXIS_HEIGHT,
        xaxis=axis(
            "\N{LEFTWARDS ARROW} faster    than over TCP    slower \N{RIGHTWARDS ARROW}",
            range=[min(ends) - room, max(ends) + room],
            ticksuffix=" %",
            nticks=7,
        ),
        yaxis=axis(range=[len(rows) - 0.5, -0.8], visible=False),
        shapes=[mark(0)],
        annotations=[_claim_heading(place, claim) for place, claim in enumerate(rows)],
    )


def _claim_heading(place: int, claim: Claim) -> Json:
    text = f"<b>{label(f'{claim.where} {claim.architecture}'.strip())}</b>  {typeset(_claim_numbers(claim))}"
    return heading(text, place - CLAIM_NAME_OFFSET)


def _claim_text(claim: Claim) -> str:
    return f"{claim.where} {claim.architecture} {_claim_numbers(claim)}, {claim.standing}".strip()


def _claim_numbers(claim: Claim) -> str:
    bare = percent_of(claim.bare) if claim.bare else None
    return f"{_percent_text(claim.percent or 0.0)}{f', here {_percent_text(bare.value)}' if bare else ''}"


def _percent_text(value: float) -> str:
    return f"{value:+.1f} %"
