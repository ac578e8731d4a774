"""The tally in plain English: shares with their intervals, and no claim that an interval does not support."""

import math

from scripts.precision_study.headline.tally import Share, Tally

CLAIM = 0.9  # "nine in ten"
ALARM_RATE = 0.05  # of a verdict of equal arms, by its definition
COVERAGE = 0.95


def answer(tally: Tally, budget_s: float) -> str:
    """Return the answer in one sentence."""
    work = f"{tally.burn_percent.median:.2g} % more work ({tally.burn_us.median:.1f} us per request)"
    return (
        f"With a budget of {budget_s:g} s per run, barehop found {work} in {share_text(tally.found, named=True)}, "
        f"and called two equal arms different in {share_text(tally.alarms)}."
    )


def claim(found: Share) -> str:
    """Return what the share of found differences says about nine in ten."""
    if found.low >= CLAIM:
        return "So at least nine in ten such runs find it."
    if found.high < CLAIM:
        return "So fewer than nine in ten such runs find it."
    text = f"So at least {_percents(found)[0]:g} % of such runs find it."
    if found.runs < (fewest := fewest_to_show(CLAIM)):
        return f"{text} To show {100 * CLAIM:g} %, it takes {fewest} runs that all find it."
    return f"{text} Whether it is {100 * CLAIM:g} % is undecided."


def alarm_claim(alarms: Share) -> str:
    """Return what the share of false alarms says about the 5 % of a verdict."""
    if alarms.low > ALARM_RATE:
        return "Equal arms are called different in more than the 5 % of runs that a verdict allows: do not rely on it."
    if alarms.high < ALARM_RATE:
        return "Equal arms are called different in less than the 5 % of runs that a verdict allows."
    return "For equal arms, the interval contains the 5 % that a verdict allows."


def coverage_claim(covered: Share) -> str:
    """Return how often the true difference lay in the interval, and what this says about 95 %."""
    text = f"The true difference lay in the run's interval in {share_text(covered)}."
    if covered.high < COVERAGE:
        return f"{text} That is less often than the 95 % that the intervals promise."
    return text


def share_text(share: Share, *, named: bool = False) -> str:
    """Return `19 of 20 runs, 95 % (95 % interval 75.1 to 99.9)`; the interval is rounded outwards."""
    low, high = _percents(share)
    runs = f"{share.count} of {share.runs} run{'s' if share.runs > 1 else ''}"
    return f"{runs}, {100 * share.value:.3g} % ({'95 % interval ' if named else ''}{low:g} to {high:g})"


def _percents(share: Share) -> tuple[float, float]:
    """Return the ends of the interval in percent, rounded outwards."""
    return math.floor(1000 * share.low) / 10, math.ceil(1000 * share.high) / 10


def fewest_to_show(share: float) -> int:
    """Return the fewest runs, all of them hits, whose exact 95 % interval lies above `share`."""
    return math.ceil(math.log(0.025) / math.log(share))
