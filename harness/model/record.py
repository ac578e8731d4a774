"""What a session gave: visits, doubts, and the record that is written of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from harness.model.plan import Schedule
from harness.model.words import Model

Snapshot = tuple[bytes, ...]  # what each file of a gauge said at one moment


@dataclass(frozen=True, slots=True)
class Visit:
    """One burst of one arm. Times are in order of sending; failed requests have none.

    `latency_us` percentiles come from an outside tool only; our client leaves every time in `latency_ns`.
    `cpu_ns` is the CPU time per role of the visit, settling included, and `wall_ns` how long that took; both over
    `cpu_requests` requests. `snapshots` are the counters before and after, in the rounds that are counted.
    The rest is as in `VisitRow`; `late_ns` of single requests.
    """

    round: int
    order: int
    arm: str
    requests: int
    mean_us: float | None
    failures: Mapping[str, int] = field(default_factory=dict)
    positions: tuple[int, ...] = ()
    start_ns: tuple[int, ...] = ()
    latency_ns: tuple[int, ...] = ()
    percentiles_us: Mapping[float, float] = field(default_factory=dict)
    cpu_ns: Mapping[str, int] = field(default_factory=dict)
    cpu_requests: int = 0
    wall_ns: int = 0
    late_ns: tuple[int, ...] = ()
    late_us: float | None = None
    interval_us: float | None = None
    rate_per_s: float | None = None
    holds: bool | None = None
    front_connections: int | None = None  # that the client opened to nginx; None: an outside tool does not say
    snapshots: tuple[Snapshot, Snapshot] | None = None


class Doubt(Model):
    """A reason to distrust: what kind, where, what was seen, what to do about it."""

    kind: str
    session: int | None = None
    arm: str | None = None
    seen: str
    advice: str


class VisitRow(Model):
    """A visit as it stands in a session's record; `cpu_us`, `wall_us` and `counters` are per request.

    The name of a counter says whose it is and what: "nginx.wait_us", "net.active_opens", "host.net_rx".
    `interval_us` is the mean time from one request to the next, which is what throughput is made of. Where requests are
    sent at a rate, `mean_us` counts from when they were meant to be sent, which was `late_us` before they were, on
    average. `rate_per_s` and `holds` are a step of the search for a capacity: the rate tried, and whether p99 held.
    """

    round: int
    order: int
    arm: str
    requests: int
    mean_us: float | None
    percentiles_us: dict[float, float] = Field(default_factory=dict)
    cpu_us: dict[str, float] = Field(default_factory=dict)
    wall_us: float | None = None
    counters: dict[str, float] = Field(default_factory=dict)
    interval_us: float | None = None
    late_us: float | None = None
    rate_per_s: float | None = None
    holds: bool | None = None


class Record(Model):
    """`sessions/0001.json`: all that one session gave, but for the raw times beside it.

    `counted` are bursts of their own under perf, which count as no timing; `unseen` are sentences on what could not
    be counted, and why. `throttled`: how often servers with a quota of CPU time were stopped, and for how long, by the
    arms that they serve, with commas between, and by role. `run_id` is that of plan.json, and `requests_sha256` tells
    whether the raw times are those of this session; earlier versions wrote neither.
    """

    format: Literal[1] = 1
    run_id: str = ""
    requests_sha256: str = ""
    session: int
    started_utc: str
    seconds: dict[str, float]  # arranging, visiting, total
    schedule: Schedule
    proofs: dict[str, dict[str, Any]]  # per arm: what was proved of it before it was measured
    failures: dict[str, dict[str, int]]
    visits: tuple[VisitRow, ...]
    counted: tuple[VisitRow, ...] = ()
    unseen: tuple[str, ...] = ()
    throttled: dict[str, dict[str, dict[str, int]]] = Field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()
