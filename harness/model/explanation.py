"""Why two arms differ: causes, parts, bounds; and latency against load."""

from typing import Literal

from harness.model.base import JsonModel

Evidence = Literal["nothing", "timing only", "timing and CPU", "timing, CPU and counts"]
Bottleneck = Literal["client-bound", "proxy-bound", "app-bound", "latency-bound"]
Plausibility = Literal["unknown", "plausible", "beyond the floor", "the other way", "implausible"]


class OpenLoopTimes(JsonModel):
    """Times of an arm whose requests were sent at a rate, in us. The arm's other times count from the scheduled send.

    `from_sending` has p50, p90, p99 and the mean from the actual send; `late` has the mean and p99 of the send lag.
    """

    rate_per_s: float
    from_sending: dict[str, float]
    late: dict[str, float]


class Interval(JsonModel):
    """A mean over sessions with its 95 % interval; with fewer than 2 sessions there is no interval."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval and it excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


class PercentileValue(Interval):
    """A percentile of the times of an arm: the mean over sessions, or, if `pooled`, that of all sessions together."""

    pooled: bool = False
    why: str = ""  # why there is no interval of a pooled one


class Capacity(JsonModel):
    """The highest rate at which p99 stays below the limit, from the `sessions` that found one."""

    arm: str
    p99_limit_ms: float
    per_s: Interval
    sessions: int
    client_bound: bool = False  # whether the send lag of the client may limit the rate


class LoadPoint(JsonModel):
    """Latency at a rate, of an arm or of one step of a search in one session."""

    arm: str
    rate_per_s: float
    p50_us: float
    p99_us: float
    session: int | None = None


class CounterSummary(JsonModel):
    """A counter per request: the value of each arm, and its difference from the arm it is compared with."""

    name: str
    arms: dict[str, Interval]
    differences: dict[str, Interval]  # by arm


class Explanation(JsonModel):
    """The parts of a difference in time, us per request: time = cpu + waiting + rest.

    `cpu_us` and `waiting_us` are by role. `agree` and `oppose` are counters that differ in the direction of the time,
    or in the other. `floor_us` is the difference of the bare transports, `exchange_us` a whole exchange over the slower
    one.
    """

    arm: str
    against: str
    time_us: Interval
    cpu_us: dict[str, Interval]
    waiting_us: dict[str, Interval]
    cpu_total_us: Interval | None
    waiting_total_us: Interval | None
    rest_us: Interval | None
    cpu_agrees: bool | None  # None: the timing is undecided, or CPU time was not read
    counts_agree: bool | None
    agree: tuple[str, ...]
    oppose: tuple[str, ...]
    evidence: Evidence
    floor_us: Interval | None = None
    exchange_us: float | None = None
    floor_is_earlier: bool = False
    plausibility: Plausibility = "unknown"


class ArmUtilisation(JsonModel):
    """The utilisation of each role while an arm was visited: its share of the CPUs that it can use.

    `together`: the roles that saturate their shared CPUs only together; `bound` names the busiest of them.
    """

    arm: str
    utilisation: dict[str, float]
    bound: Bottleneck
    together: tuple[str, ...] = ()


class FloorRow(JsonModel):
    """A bare exchange: "connect" over a new connection, "ping-pong" over a kept one."""

    kind: str
    transport: str
    payload_bytes: int
    runs_us: tuple[float, ...]


class FloorResults(JsonModel):
    """The result of `barehop floor`."""

    rows: tuple[FloorRow, ...]


class WaterfallPart(JsonModel):
    """A part of a waterfall."""

    name: str
    us: Interval


class Waterfall(JsonModel):
    """The parts of the time of a request over `transport`, from the floor to the full chain, us per request.

    The last part is the unexplained rest; `sum_us` of the parts should equal `total_us`.
    """

    transport: str
    arm: str
    parts: tuple[WaterfallPart, ...]
    sum_us: float
    total_us: Interval


class ConnectionSetup(JsonModel):
    """The share of connection set-up in a difference between transports: it vanishes if nginx keeps its connections.

    `arm` is compared with `against`, without kept connections; `kept_arm` with `kept_against`, with them.
    """

    arm: str
    against: str
    kept_arm: str
    kept_against: str
    without_us: Interval
    kept_us: Interval
    setup_us: Interval
    without_cpu_us: Interval | None = None
    kept_cpu_us: Interval | None = None
    setup_cpu_us: Interval | None = None
    opens: Interval | None = None  # on the hop per request, over the transport that opens TCP connections
    kept_opens: Interval | None = None
