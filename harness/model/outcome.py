"""What an outside tool's run gave, and how the files that it left are read."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Self

MOST_LEFT_BYTES = 512 * 1024 * 1024  # of a file that a tool leaves
PERCENTILES = (*map(float, range(100)), 99.9, 100.0)  # that are made of single times


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an outside tool's run gave, at the tool's own resolution. `percentiles_us` maps 50.0 to the median.

    `sent` is how many requests there were in all, where more were sent than count. `latency_us` are the times of the
    requests that were answered right, in the tool's order, where it tells single times.
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
        """That of single times: their mean, and each percentile as the smallest time that so many do not exceed."""
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
        """That which a script of ours, run by `tool`, wrote into `path` as JSON. Raises ValueError, in a sentence."""
        text = left_text(tool, path)
        try:
            found = json.loads(text)
            return cls.of_times(found["latency_us"], found["failures"], found["duration_s"], resolution_us)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path.name} is not what our script for {tool} writes: {error!r}.") from error


def _percentiles_us(rising_us: Sequence[float]) -> dict[float, float]:
    if not rising_us:
        return {}
    return {percent: rising_us[max(math.ceil(percent / 100 * len(rising_us)), 1) - 1] for percent in PERCENTILES}


def left_text(tool: str, path: Path) -> str:
    """What `tool` wrote into `path`. Raises ValueError, in a sentence, when that cannot be read."""
    try:
        if path.stat().st_size > MOST_LEFT_BYTES:
            raise ValueError(f"{tool} left a {path.name} of more than {MOST_LEFT_BYTES // 1024**2} MiB. Ask for less.")
        return path.read_text(errors="replace")
    except OSError as error:
        raise ValueError(f"{tool} left no {path.name} that can be read ({error.strerror}).") from error
