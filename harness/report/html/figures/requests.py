"""Draws how long single requests took: the many, and the few that took longest."""

from collections.abc import Sequence

from harness.analysis.exhibits import Distribution
from harness.model import Summary
from harness.report.html.figures.style import Figure, Json, appearances, axis, curve, curves_layout, log_axis, short
from harness.report.wording import listed

HEIGHT = 310  # pixels
NEARLY_ALL = 0.99


def most_requests(summary: Summary, distributions: Sequence[Distribution]) -> Figure | None:
    """The empirical distributions, up to where nearly all requests of every arm are in; None without any."""
    if not distributions:
        return None
    shares = [[100 * share for share in each.share] for each in distributions]
    xaxis = _latency_axis(distributions, max(_nearly_all_us(each) for each in distributions))
    yaxis = axis("% that took no longer", range=[-2, 102])
    return _figure("most", summary, distributions, shares, {"xaxis": xaxis, "yaxis": yaxis})


def longest_requests(summary: Summary, distributions: Sequence[Distribution]) -> Figure | None:
    """The share of requests that took at least so long, on a logarithmic axis, to the very last."""
    if not distributions:
        return None
    shares = [[100 * (1 + 1 / each.requests - share) for share in each.share] for each in distributions]
    xaxis = _latency_axis(distributions, max(each.latency_us[-1] for each in distributions))
    yaxis = log_axis("% that took longer", min(min(share) for share in shares), 100)
    return _figure("longest", summary, distributions, shares, {"xaxis": xaxis, "yaxis": yaxis})


def _figure(
    name: str, summary: Summary, distributions: Sequence[Distribution], shares: Sequence[Sequence[float]], axes: Json
) -> Figure:
    drawn_as = appearances(summary)
    data = [
        curve(each.arm, drawn_as[each.arm], short(time_us / 1000 for time_us in each.latency_us), short(share))
        | {"mode": "lines", "hovertemplate": "%{y:.3~g} %, %{x:.4~g} ms"}
        for each, share in zip(distributions, shares, strict=True)
    ]
    arms = [each.arm for each in distributions]
    what = axes["yaxis"]["title"]["text"]
    alt = f"Requests, in {what}, by latency: a curve for each of {listed(arms)}."
    return Figure(name, alt, data, curves_layout(HEIGHT, arms, **axes))


def _latency_axis(distributions: Sequence[Distribution], high_us: float) -> Json:
    low_us = min(each.latency_us[0] for each in distributions)
    return log_axis("ms per request", low_us / 1000, high_us / 1000)


def _nearly_all_us(each: Distribution) -> float:
    return next(time_us for time_us, share in zip(each.latency_us, each.share, strict=True) if share >= NEARLY_ALL)
