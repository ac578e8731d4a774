"""The causes of a verdict: counters, parts of a difference, bottlenecks, where the time goes."""

from typing import Literal

from harness.model.words import Model

Evidence = Literal["nothing", "timing only", "timing and CPU", "timing, CPU and counts"]
Bound = Literal["client-bound", "proxy-bound", "app-bound", "latency-bound"]
Plausibility = Literal["unknown", "plausible", "beyond the floor", "the other way", "implausible"]


class Amount(Model):
    """A mean over sessions with its 95 % interval; with fewer than 2 sessions there is no interval."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval and it excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


class Counter(Model):
    """A counter per request: the value of each arm, and its difference from the arm it is compared with."""

    name: str
    arms: dict[str, Amount]
    differences: dict[str, Amount]  # by arm


class Explanation(Model):
    """The parts of a difference in time, us per request: time = cpu + waiting + rest.

    `cpu_us` and `waiting_us` are by role. `agree` and `oppose` are counters that differ in the direction of the time,
    or in the other. `floor_us` is the difference of the bare transports, `exchange_us` a whole exchange over the slower
    one.
    """

    arm: str
    against: str
    time_us: Amount
    cpu_us: dict[str, Amount]
    waiting_us: dict[str, Amount]
    cpu_total_us: Amount | None
    waiting_total_us: Amount | None
    rest_us: Amount | None
    cpu_agrees: bool | None  # None: the timing is undecided, or CPU time was not read
    counts_agree: bool | None
    agree: tuple[str, ...]
    oppose: tuple[str, ...]
    evidence: Evidence
    floor_us: Amount | None = None
    exchange_us: float | None = None
    floor_is_earlier: bool = False
    plausibility: Plausibility = "unknown"


class Load(Model):
    """The utilisation of each role while an arm was visited: its share of the CPUs that it can use.

    `together`: the roles that saturate their shared CPUs only together; `bound` names the busiest of them.
    """

    arm: str
    utilisation: dict[str, float]
    bound: Bound
    together: tuple[str, ...] = ()


class FloorRow(Model):
    """A bare exchange: "connect" over a new connection, "ping-pong" over a kept one."""

    kind: str
    transport: str
    payload_bytes: int
    runs_us: tuple[float, ...]


class Floor(Model):
    """The result of `barehop floor`."""

    rows: tuple[FloorRow, ...]


class Part(Model):
    """A part of a waterfall."""

    name: str
    us: Amount


class Waterfall(Model):
    """The parts of the time of a request over `transport`, from the floor to the full chain, us per request.

    The last part is the unexplained rest; `sum_us` of the parts should equal `total_us`.
    """

    transport: str
    arm: str
    parts: tuple[Part, ...]
    sum_us: float
    total_us: Amount


class Setup(Model):
    """The share of connection set-up in a difference between transports: it vanishes if nginx keeps its connections.

    `arm` is compared with `against`, without kept connections; `kept_arm` with `kept_against`, with them.
    """

    arm: str
    against: str
    kept_arm: str
    kept_against: str
    without_us: Amount
    kept_us: Amount
    setup_us: Amount
    without_cpu_us: Amount | None = None
    kept_cpu_us: Amount | None = None
    setup_cpu_us: Amount | None = None
    opens: Amount | None = None  # on the hop per request, over the transport that opens TCP connections
    kept_opens: Amount | None = None
