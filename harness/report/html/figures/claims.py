"""Draws what is claimed elsewhere beside what is so here."""

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

ROW, BENEATH = 62, 62  # pixels
ABOVE, BESIDE = 0.42, 0.13  # of a row: where its name stands, and how far apart its two values lie
FAR = 60.0  # percent from a value, beyond which what could be chance is not followed
HERE, THERE = COLORS[0], COLORS[1]


def claims(validation: Validation) -> Figure | None:
    """Each claim with its interval, or with what could be chance; below it the bare arms.

    None without any claim that adds up.
    """
    sound = [claim for claim in validation.claims if "does not add up" not in claim.reasons]
    rows = [claim for claim in sound if claim.percent is not None]
    if not rows:
        return None
    data = [trace for place, claim in enumerate(rows) for trace in _traces(place, claim, validation)]
    alt = f"Time per request against TCP, claimed and here: {listed([_said(claim) for claim in rows])}."
    return Figure("claims", alt, data, _frame(rows, validation))


def _traces(place: int, claim: Claim, validation: Validation) -> Iterator[Json]:
    seen, sure = _claimed(claim, validation)
    yield _point(place - BESIDE, seen, THERE if sure else NEUTRAL, {"color": THERE, "symbol": "diamond"})
    bare = percent_of(claim.bare) if claim.bare else None
    if bare:
        yield _point(place + BESIDE, bare, HERE, {"color": HERE, "symbol": "circle"})


def _claimed(claim: Claim, validation: Validation) -> tuple[Estimate, bool]:
    """With its interval, or else with how far 19 of 20 pairs of single runs lie apart here."""
    value = claim.percent or 0.0
    if claim.percent_low is not None and claim.percent_high is not None:
        return Estimate(value, claim.percent_low, claim.percent_high), True
    apart = [pairs.most_percent for spread in validation.spreads for pairs in [spread.apart or spread.next] if pairs]
    reach = min([FAR, *apart]) if apart else 0.0
    return Estimate(value, value - reach, value + reach), False


def _point(height: float, estimate: Estimate, color: str, marker: Json) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": short([estimate.value]),
        "y": short([height]),
        "marker": {"size": 10, **marker},
        "error_x": whiskers([estimate.low], [estimate.value], [estimate.high], color),
        "hovertemplate": f"{_percent(estimate.value)}<extra></extra>",
    }


def _frame(rows: Sequence[Claim], validation: Validation) -> Json:
    estimates = [_claimed(claim, validation)[0] for claim in rows]
    estimates += [found for claim in rows if claim.bare and (found := percent_of(claim.bare))]
    ends = [0.0, *(end for one in estimates for end in (one.low, one.high))]
    room = 0.05 * (max(ends) - min(ends))
    return layout(
        ROW * len(rows) + BENEATH,
        xaxis=axis(
            "\N{LEFTWARDS ARROW} faster    than over TCP    slower \N{RIGHTWARDS ARROW}",
            range=[min(ends) - room, max(ends) + room],
            ticksuffix=" %",
            nticks=7,
        ),
        yaxis=axis(range=[len(rows) - 0.5, -0.8], visible=False),
        shapes=[mark(0)],
        annotations=[_heading(place, claim) for place, claim in enumerate(rows)],
    )


def _heading(place: int, claim: Claim) -> Json:
    text = f"<b>{label(f'{claim.where} {claim.architecture}'.strip())}</b>  {typeset(_numbers(claim))}"
    return heading(text, place - ABOVE)


def _said(claim: Claim) -> str:
    return f"{claim.where} {claim.architecture} {_numbers(claim)}, {claim.standing}".strip()


def _numbers(claim: Claim) -> str:
    bare = percent_of(claim.bare) if claim.bare else None
    return f"{_percent(claim.percent or 0.0)}{f', here {_percent(bare.value)}' if bare else ''}"


def _percent(value: float) -> str:
    return f"{value:+.1f} %"
