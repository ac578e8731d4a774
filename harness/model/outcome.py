"""The result of a run of an outside tool, and how to read its output files."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Self

MOST_LEFT_BYTES = 512 * 1024 * 1024  # of an output file of a tool
PERCENTILES = (*map(float, range(100)), 99.9, 100.0)  # that are computed from single times


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run of an outside tool, at its own resolution. `percentiles_us` maps 50.0 to the median.

    `sent` is the number of all requests, if more were sent than are counted. `latency_us` are the times of correctly
    answered requests, in the tool's order, if it reports single times.
    """

    requests: int
    failures: Mapping[str, int]
    duration_s: float
    mean_us: float
    percentiles_us: Mapping[float, float]
    resolution_us: float
    sent: int = 0
    latency_us: tuple[float, ...] = ()

    @classmethod
    def of_times(
        cls, latency_us: Sequence[float], failures: Mapping[str, int], duration_s: float, resolution_us: float
    ) -> Self:
        """Return the result from single times; a percentile is the least time that so many requests do not exceed."""
        return cls(
            requests=len(latency_us),
            failures={kind: count for kind, count in failures.items() if count},
            duration_s=duration_s,
            mean_us=fmean(latency_us) if latency_us else 0.0,
            percentiles_us=_percentiles_us(sorted(latency_us)),
            resolution_us=resolution_us,
            latency_us=tuple(latency_us),
        )

    @classmethod
    def left_by(cls, tool: str, path: Path, resolution_us: float) -> Self:
        """Return the result that our script for `tool` wrote to `path` as JSON. Raise ValueError with a sentence."""
        text = left_text(tool, path)
        try:
            content = json.loads(text)
            return cls.of_times(content["latency_us"], content["failures"], content["duration_s"], resolution_us)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path.name} is not what our script for {tool} writes: {error!r}.") from error


def _percentiles_us(rising_us: Sequence[float]) -> dict[float, float]:
    if not rising_us:
        return {}
    return {percent: rising_us[max(math.ceil(percent / 100 * len(rising_us)), 1) - 1] for percent in PERCENTILES}


def left_text(tool: str, path: Path) -> str:
    """Return the text that `tool` wrote to `path`. Raise ValueError with a sentence if it cannot be read."""
    try:
        if path.stat().st_size > MOST_LEFT_BYTES:
            raise ValueError(f"{tool} left a {path.name} of more than {MOST_LEFT_BYTES // 1024**2} MiB. Ask for less.")
        return path.read_text(errors="replace")
    except OSError as error:
        raise ValueError(f"{tool} left no {path.name} that can be read ({error.strerror}).") from error
