"""From visits to what is written down of a session: the record, and a table of raw times."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from harness.model import Visit, VisitRow

if TYPE_CHECKING:
    from polars import DataFrame

# The table of raw times: columns, and what polars calls their types.
REQUEST_COLUMNS = {
    "round": "Int32",
    "order": "Int32",
    "arm": "String",
    "position": "Int32",
    "start_ns": "Int64",
    "latency_ns": "Int64",
}


def visit_rows(visits: Iterable[Visit]) -> tuple[VisitRow, ...]:
    return tuple(map(_row, visits))


def failures_of(visits: Iterable[Visit]) -> dict[str, dict[str, int]]:
    """The failed requests of each arm that has any, by kind."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for visit in visits:
        if visit.failures:
            found[visit.arm].update(visit.failures)
    return {arm: dict(kinds) for arm, kinds in found.items()}


def requests_table(visits: Sequence[Visit]) -> "DataFrame":
    """One row for each timed request, in the order in which they were sent."""
    import polars

    rows = (
        (visit.round, visit.order, visit.arm, position, start_ns, latency_ns)
        for visit in visits
        for position, start_ns, latency_ns in zip(visit.positions, visit.start_ns, visit.latency_ns, strict=True)
    )
    schema = {name: getattr(polars, kind) for name, kind in REQUEST_COLUMNS.items()}
    return polars.DataFrame(list(rows), schema=schema, orient="row")


def _row(visit: Visit) -> VisitRow:
    return VisitRow(
        round=visit.round,
        order=visit.order,
        arm=visit.arm,
        requests=visit.requests,
        mean_us=visit.mean_us,
        percentiles_us=dict(visit.percentiles_us),
        cpu_us={role: used / 1000 / visit.cpu_requests for role, used in visit.cpu_ns.items()},
    )
