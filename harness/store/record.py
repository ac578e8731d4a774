"""Turns the visits of a session into its record and its table of single requests."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.model import Visit, VisitRow
from harness.observe.counters import Gauge

if TYPE_CHECKING:
    from polars import DataFrame


CONNECTION_COUNTERS = ("active_opens", "passive_opens")
DECIMALS = 4  # of numbers per request: enough for a count of 1 in a long visit

# The columns of the table of requests, and their polars types.
REQUEST_COLUMNS = {
    "round": "Int32",
    "order": "Int32",
    "arm": "String",
    "position": "Int32",
    "start_ns": "Int64",
    "latency_ns": "Int64",
    "late_ns": "Int64",  # delay of the request against its schedule
}
ADDED_COLUMNS = {"late_ns": 0}  # columns that older files lack, with their value there


def visit_rows(visits: Iterable[Visit], gauges: Mapping[str, Gauge] = {}) -> tuple[VisitRow, ...]:
    """Return the rows of a record; `gauges` parse the counters of each arm."""
    return tuple(_visit_row(visit, gauges.get(visit.arm)) for visit in visits)


def failures_of(visits: Iterable[Visit]) -> dict[str, dict[str, int]]:
    """Return the failed requests of each arm that has any, by kind."""
    failures: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for visit in visits:
        if visit.failures:
            failures[visit.arm].update(visit.failures)
    return {arm: dict(by_kind) for arm, by_kind in failures.items()}


def requests_table(visits: Sequence[Visit]) -> "DataFrame":
    """Return a row for each timed request, in the order of sending."""
    import polars

    rows = (
        (visit.round, visit.order, visit.arm, *request)
        for visit in visits
        for request in zip(visit.positions, visit.start_ns, visit.latency_ns, _late_ns(visit), strict=True)
    )
    schema = {name: getattr(polars, kind) for name, kind in REQUEST_COLUMNS.items()}
    return polars.DataFrame(list(rows), schema=schema, orient="row")


def _late_ns(visit: Visit) -> Sequence[int]:
    return visit.late_ns or (0,) * len(visit.positions)


def _visit_row(visit: Visit, gauge: Gauge | None) -> VisitRow:
    return VisitRow(
        round=visit.round,
        order=visit.order,
        arm=visit.arm,
        requests=visit.requests,
        mean_us=visit.mean_us,
        percentiles_us=dict(visit.percentiles_us),
        cpu_us={role: _per_request(used / 1000, visit) for role, used in visit.cpu_ns.items()},
        wall_us=_per_request(visit.wall_ns / 1000, visit) if visit.wall_ns else None,
        counters=_request_counters(visit, gauge.growth(*visit.snapshots)) if gauge and visit.snapshots else {},
        interval_us=visit.interval_us,
        late_us=visit.late_us,
        rate_per_s=visit.rate_per_s,
        holds=visit.holds,
    )


def _request_counters(visit: Visit, grown: Mapping[str, int]) -> dict[str, float]:
    """Return the counters per request, times in us; and the hop's connections, which are those not of the client."""
    counters = {_counter_name(name): _per_request(_counter_value(name, value), visit) for name, value in grown.items()}
    if visit.front_connections is not None:
        own = _per_request(visit.front_connections, visit)
        counters |= {
            f"hop.{kind}": counters[f"net.{kind}"] - own for kind in CONNECTION_COUNTERS if f"net.{kind}" in counters
        }
    return counters


def _counter_name(name: str) -> str:
    return f"{name.removesuffix('_ns')}_us" if name.endswith("_ns") else name


def _counter_value(name: str, value: int) -> float:
    return value / 1000 if name.endswith("_ns") else value


def _per_request(value: float, visit: Visit) -> float:
    return round(value / max(1, visit.cpu_requests), DECIMALS)
