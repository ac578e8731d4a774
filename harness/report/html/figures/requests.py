"""Figures of single requests: the distribution and its tail."""

from collections.abc import Sequence

from harness.analysis.exhibits import Distribution
from harness.model import Summary
from harness.report.html.figures.style import Figure, Json, appearances, axis, curve, curves_layout, log_axis, short
from harness.report.wording import listed

DISTRIBUTION_HEIGHT = 310  # pixels
NEARLY_ALL = 0.99


def most_requests(summary: Summary, distributions: Sequence[Distribution]) -> Figure | None:
    """Return the empirical distributions (CDF) up to p99 of the slowest arm; None without any."""
    if not distributions:
        return None
    shares = [[100 * share for share in distribution.share] for distribution in distributions]
    xaxis = _latency_axis(distributions, max(_nearly_all_us(distribution) for distribution in distributions))
    yaxis = axis("% of requests that are at most this slow", range=[-2, 102])
    return _distribution_curves("most", summary, distributions, shares, {"xaxis": xaxis, "yaxis": yaxis})


def longest_requests(summary: Summary, distributions: Sequence[Distribution]) -> Figure | None:
    """Return the share of slower requests on logarithmic axes, up to the slowest request."""
    if not distributions:
        return None
    shares = [
        [100 * (1 + 1 / distribution.requests - share) for share in distribution.share]
        for distribution in distributions
    ]
    xaxis = _latency_axis(distributions, max(distribution.latency_us[-1] for distribution in distributions))
    yaxis = log_axis("% of requests that are slower", min(min(share) for share in shares), 100)
    return _distribution_curves("longest", summary, distributions, shares, {"xaxis": xaxis, "yaxis": yaxis})


def _distribution_curves(
    name: str, summary: Summary, distributions: Sequence[Distribution], shares: Sequence[Sequence[float]], axes: Json
) -> Figure:
    drawn_as = appearances(summary)
    data = [
        curve(
            distribution.arm,
            drawn_as[distribution.arm],
            short(time_us / 1000 for time_us in distribution.latency_us),
            short(share),
        )
        | {"mode": "lines", "hovertemplate": "%{y:.3~g} %, %{x:.4~g} ms"}
        for distribution, share in zip(distributions, shares, strict=True)
    ]
    arms = [distribution.arm for distribution in distributions]
    what = axes["yaxis"]["title"]["text"]
    alt = f"Requests, in {what}, by latency: a curve for each of {listed(arms)}."
    return Figure(name, alt, data, curves_layout(DISTRIBUTION_HEIGHT, arms, **axes))


def _latency_axis(distributions: Sequence[Distribution], high_us: float) -> Json:
    low_us = min(distribution.latency_us[0] for distribution in distributions)
    return log_axis("ms per request", low_us / 1000, high_us / 1000)


def _nearly_all_us(distribution: Distribution) -> float:
    return next(
        time_us
        for time_us, share in zip(distribution.latency_us, distribution.share, strict=True)
        if share >= NEARLY_ALL
    )
