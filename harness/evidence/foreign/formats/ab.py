"""What ab prints: the mean to a microsecond, percentiles to a millisecond; a file may hold several runs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.model import Foreign, Reader

TITLE = "This is ApacheBench"
LAST_PERCENTILE = re.compile(r"^\s*100%\s+\d+ \(longest request\)$", re.MULTILINE)
PERCENTILE = re.compile(r"^\s*(\d+)%\s+(\d+)(?: \(longest request\))?$", re.MULTILINE)
LONE_TIMES = re.compile(r"^Total:(?:\s+[\d.]+){5}\n", re.MULTILINE)
FIGURES = {  # label: the unit that must follow
    "Time taken for tests": r" seconds$",
    "Requests per second": r" \[#/sec\] \(mean\)$",
    "Time per request": r" \[ms\] \(mean\)$",
    "Concurrency Level": "$",
    "Complete requests": "$",
    "Failed requests": "$",
}


def _recognises(text: str) -> bool:
    return TITLE in text


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    return [_run(TITLE + part, run) for part in text.split(TITLE)[1:]]


def _run(text: str, run: Foreign) -> Foreign:
    complete = int(_figure(text, "Complete requests"))
    failures = _failures(text)
    broken = failures.get("connect", 0) + failures.get("exceptions", 0)  # ab does not complete these
    if not complete:
        raise ValueError("ab completed no request. Measure again.")
    _whole(text, complete)
    found = replace(
        run,
        requests=max(complete - sum(failures.values()) + broken, 0),  # one can fail in two ways
        failures=failures,
        connections=int(_figure(text, "Concurrency Level")),
        duration_s=float(_figure(text, "Time taken for tests")),
        requests_per_s=float(_figure(text, "Requests per second")),
        mean_us=1000 * float(_figure(text, "Time per request")),
        mean_resolution_us=1.0,
        percentiles_us={float(percent): 1000 * float(ms) for percent, ms in PERCENTILE.findall(text)},
        resolution_us=1000.0,
    )
    return replace(found, remarks=tuple(_contradictions(found, complete)))


def _whole(text: str, complete: int) -> None:
    """With a single request ab ends before its percentiles."""
    if not (LAST_PERCENTILE if complete > 1 else LONE_TIMES).search(text):
        raise ValueError(
            "it does not go on to the time of the longest request, so it is cut off. Give ab's output as a whole."
        )


def _figure(text: str, label: str) -> str:
    line = re.search(rf"^{label}:\s+(.*)$", text, re.MULTILINE)
    if line is None:
        said = re.findall(r"^(?:apr_|ab: |Total of ).*", text, re.MULTILINE)
        reason = f"ab ended with {said[0]!r}" if said else "it is cut off, or ab was stopped"
        raise ValueError(f"it has no line {label!r}: {reason}. Measure again.")
    number = re.match(rf"([\d.]+){FIGURES[label]}", line[1])
    if number is None:
        raise ValueError(f"{label} is {line[1]!r}, not a number in the unit that ab prints. Measure again.")
    return number[1]


def _failures(text: str) -> dict[str, int]:
    """By kind: ab's own words in lower case, and what it calls "Non-2xx responses"."""
    failed = int(_figure(text, "Failed requests"))
    kinds = re.search(r"^\s+\((Connect: .*)\)$", text, re.MULTILINE)
    counts = {kind.lower(): int(n) for kind, n in re.findall(r"(\w+): (\d+)", kinds[1])} if kinds else {}
    if failed and not kinds:
        raise ValueError(f"it counts {failed} failed requests but does not say of which kind: it is cut off.")
    not_2xx = re.search(r"^Non-2xx responses:\s+(\d+)$", text, re.MULTILINE)
    counts["status not 2xx"] = int(not_2xx[1]) if not_2xx else 0
    return {kind: count for kind, count in counts.items() if count}


def _contradictions(run: Foreign, complete: int) -> Iterator[str]:
    """Of three numbers that ab calculates from each other; each is rounded."""
    if not (run.duration_s and run.requests_per_s and run.connections and run.mean_us):
        return
    rounding = 0.01 + 0.0005 / run.duration_s
    if abs(complete / run.duration_s / run.requests_per_s - 1) > rounding:
        yield (
            f"{complete} requests in {run.duration_s:g} s are not {run.requests_per_s:g} requests/s but "
            f"{complete / run.duration_s:.2f}."
        )
    from_rate_us = 1e6 * run.connections / run.requests_per_s
    if abs(run.mean_us - from_rate_us) > 0.01 * from_rate_us + 1:
        yield f"{run.mean_us / 1000:g} ms per request is not {from_rate_us / 1000:.3f} ms, as the rate has it."


PLUGIN = Reader(recognises=_recognises, read=_read)
