"""What wrk prints, with --latency or without: times without connecting, to what its unit leaves of three digits."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.model import Foreign, Reader
from harness.model.units import TIME, resolution_us, us

TITLE = re.compile(r"^Running \S+ test @ ", re.MULTILINE)
PARTS = {
    "connections": re.compile(r"^\s+\d+ threads and (\d+) connections$", re.MULTILINE),
    "latency": re.compile(rf"^\s+Latency\s+({TIME})\s+{TIME}\s+({TIME})\s+\S+%$", re.MULTILINE),
    "total": re.compile(rf"^\s+(\d+) requests in ({TIME}), \S+ read$", re.MULTILINE),
    "rate": re.compile(r"^Requests/sec:\s+([\d.]+)$", re.MULTILINE),
    "end": re.compile(r"^Transfer/sec:\s+([\d.]+[KMGTP]?B)$", re.MULTILINE),
}
PERCENTILE = re.compile(rf"^\s+([\d.]+)%\s+({TIME})$", re.MULTILINE)
BROKEN = re.compile(r"^\s+Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$", re.MULTILINE)
STATUS = re.compile(r"^\s+Non-2xx or 3xx responses: (\d+)$", re.MULTILINE)
IDLE = 0.1


def _recognises(text: str) -> bool:
    return bool(TITLE.search(text)) or text.startswith("unable to connect to ")


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    """A file may hold several runs."""
    if not TITLE.search(text):
        raise ValueError(f"wrk said only {text.strip()!r}. Measure again.")
    begins = [found.start() for found in TITLE.finditer(text)]
    return [_run(text[begin:end], run) for begin, end in zip(begins, [*begins[1:], len(text)], strict=True)]


def _run(text: str, run: Foreign) -> Foreign:
    found = {name: pattern.search(text) for name, pattern in PARTS.items()}
    missing = [name for name, part in found.items() if part is None]
    if missing:
        raise ValueError(f"it lacks what wrk prints as {', '.join(missing)}: it is cut off. Measure again.")
    connections, latency, total, rate = (part.groups() for name, part in found.items() if part and name != "end")
    complete, failures = int(total[0]), _failures(text)
    percentiles = {float(percent): time for percent, time in PERCENTILE.findall(text)} | {100.0: latency[1]}
    read = replace(
        run,
        requests=max(complete - sum(failures.get(kind, 0) for kind in ("status over 399", "timeout")), 0),
        failures=failures,
        connections=int(connections[0]),
        duration_s=us(total[1]) / 1e6,
        requests_per_s=float(rate[0]) or None,
        mean_us=us(latency[0]) or None,
        mean_resolution_us=resolution_us(latency[0]),
        percentiles_us={percent: us(time) for percent, time in percentiles.items()},
        resolution_us=resolution_us(*percentiles.values()),
    )
    return replace(read, remarks=tuple(_contradictions(read, complete, resolution_us(total[1]) / 1e6)))


def _failures(text: str) -> dict[str, int]:
    broken, status = BROKEN.search(text), STATUS.search(text)
    counts = dict(
        zip(("connect", "read", "write", "timeout"), map(int, broken.groups() if broken else ()), strict=False)
    )
    counts |= {"status over 399": int(status[1])} if status else {}
    return {kind: count for kind, count in counts.items() if count}


def _contradictions(run: Foreign, complete: int, least_s: float) -> Iterator[str]:
    if not (run.duration_s and run.requests_per_s and run.mean_us and run.connections):
        return
    calculated = complete / run.duration_s
    if abs(run.requests_per_s / calculated - 1) > 0.01 + least_s / run.duration_s:
        yield (
            f"{complete} requests in {run.duration_s:g} s are not {run.requests_per_s:g} requests/s but "
            f"{calculated:.2f}."
        )
    busy = run.requests_per_s * run.mean_us / 1e6
    if busy < IDLE * run.connections:
        yield (
            f"Of {run.connections} connections only {busy:.3f} were busy on average: requests may have hung until the "
            "end, which wrk counts nowhere, or the server closed connections."
        )


PLUGIN = Reader(recognises=_recognises, read=_read)
