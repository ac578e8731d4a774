"""A CSV table with a row for each run: where, architecture, requests_per_s, ms_per_request, p99_ms, and others."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.model import Foreign, Reader

ARCHITECTURE = "architecture"
NUMBERS = ("requests_per_s", "ms_per_request")
COLUMNS = {"where", ARCHITECTURE, *NUMBERS, "p50_ms", "p90_ms", "p99_ms", "requests", "failed", "connections"}
TOLERANCE = 0.01  # far above what rounding explains
SLIPS = {1e3: "as if it were in us", 1e-3: "as if it were in s"}

Row = Mapping[str, str]


def _recognises(text: str) -> bool:
    header = {name.strip() for name in text.split("\n", 1)[0].split(",")}
    return ARCHITECTURE in header and bool(header & set(NUMBERS))


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    if not text.endswith("\n"):
        raise ValueError("its last line has no end, so it may be cut off. If it is whole, end it with a new line.")
    header, *rows = csv.reader(text.splitlines())
    names = [name.strip() for name in header]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or len(set(names)) < len(names):
        raise ValueError(f"its columns are {', '.join(names)}; there can be, once each: {', '.join(sorted(COLUMNS))}.")
    return [_run(dict(zip(names, cells, strict=True)), run) for cells in _whole(rows, len(names))]


def _whole(rows: Sequence[Sequence[str]], columns: int) -> Iterator[Sequence[str]]:
    for number, cells in enumerate(rows, start=2):
        if cells and len(cells) != columns:
            raise ValueError(f"line {number} has {len(cells)} cells under {columns} columns. Complete it.")
        if cells:
            yield [cell.strip() for cell in cells]


def _run(row: Row, run: Foreign) -> Foreign:
    failed, requests = _number(row, "failed"), _number(row, "requests")
    rate, ms, connections = (_number(row, name) for name in (*NUMBERS, "connections"))
    if not row[ARCHITECTURE]:
        raise ValueError("a row has no architecture. Name it.")
    found = replace(
        run,
        where=row.get("where", ""),
        architecture=row[ARCHITECTURE],
        requests=None if requests is None else int(requests - (failed or 0)),
        failures={"failed": int(failed)} if failed else {},
        connections=None if connections is None else int(connections),
        requests_per_s=rate,
        mean_us=None if ms is None else 1000 * ms,
        mean_resolution_us=_resolution_us(row.get("ms_per_request", "")),
        percentiles_us=_percentiles_us(row),
        resolution_us=max((_resolution_us(row[name]) or 0 for name in row if name.startswith("p")), default=0) or None,
    )
    return replace(found, remarks=tuple(_contradiction(found)))


def _percentiles_us(row: Row) -> dict[float, float]:
    values = {float(name[1:-3]): _number(row, name) for name in row if name.startswith("p")}
    return {percent: 1000 * ms for percent, ms in values.items() if ms is not None}


def _number(row: Row, name: str) -> float | None:
    text = row.get(name, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise ValueError(f"{name} is {text!r}, which is no number. Write it without its unit.") from None


def _resolution_us(ms: str) -> float | None:
    return 1000 * 10.0 ** -len(ms.partition(".")[2]) if ms else None


def _contradiction(run: Foreign) -> Iterator[str]:
    """With one connection, time per request is the inverse of the rate, where both were taken from the same run."""
    if not run.requests_per_s or not run.mean_us or run.connections:
        return
    at_once = run.requests_per_s * run.mean_us / 1e6
    if abs(at_once - 1) > TOLERANCE:
        slip = next((f", {words}" for factor, words in SLIPS.items() if abs(at_once / factor - 1) < TOLERANCE), "")
        yield (
            f"{run.mean_us / 1000:g} ms per request does not fit {run.requests_per_s:.2f} requests/s{slip}: with one "
            f"connection that is {1000 / run.requests_per_s:.3f} ms. If there were more, add a column connections."
        )


PLUGIN = Reader(recognises=_recognises, read=_read)
