"""Why a comparison came out as it did: counters, the parts of a difference, who was busy, where the time goes."""

from typing import Literal

from harness.model.words import Model

Evidence = Literal["nothing", "timing only", "timing and CPU", "timing, CPU and counts"]
Bound = Literal["client-bound", "proxy-bound", "app-bound", "latency-bound"]
Plausibility = Literal["unknown", "plausible", "beyond the floor", "the other way", "implausible"]


class Amount(Model):
    """A mean over sessions with its 95 % interval, which fewer than 2 sessions do not give."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def excludes_zero(self) -> bool:
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


class Counter(Model):
    """One counter, per request: what each arm had, and by how much it differs from the arm it is compared with."""

    name: str
    arms: dict[str, Amount]
    differences: dict[str, Amount]  # by arm


class Explanation(Model):
    """A difference in time taken apart, us per request: time = cpu + waiting + rest.

    `cpu_us` and `waiting_us` are by role. `agree` and `oppose` are counters that differ the way time does, or the
    other way. `floor_us` is what the transports differ by without nginx and the app, `exchange_us` a whole exchange
    over the dearer of them.
    """

    arm: str
    against: str
    time_us: Amount
    cpu_us: dict[str, Amount]
    waiting_us: dict[str, Amount]
    cpu_total_us: Amount | None
    waiting_total_us: Amount | None
    rest_us: Amount | None
    cpu_agrees: bool | None  # None: the timing is undecided, or nothing was read
    counts_agree: bool | None
    agree: tuple[str, ...]
    oppose: tuple[str, ...]
    evidence: Evidence
    floor_us: Amount | None = None
    exchange_us: float | None = None
    floor_is_earlier: bool = False
    plausibility: Plausibility = "unknown"


class Load(Model):
    """How busy each role was while an arm was visited: CPU time over time, of the CPUs that it can use at once.

    `together`: the roles that only together fill the CPUs they share, of which `bound` names the busiest.
    """

    arm: str
    utilisation: dict[str, float]
    bound: Bound
    together: tuple[str, ...] = ()


class FloorRow(Model):
    """A bare exchange: "connect" over a connection of its own, "ping-pong" over a standing one."""

    kind: str
    transport: str
    payload_bytes: int
    runs_us: tuple[float, ...]


class Floor(Model):
    """What `barehop floor` found."""

    rows: tuple[FloorRow, ...]


class Part(Model):
    name: str
    us: Amount


class Waterfall(Model):
    """Where the time of a request over `transport` goes, from the floor to the full chain, us per request.

    The last part is the rest that no other explains; `sum_us` of the parts should be `total_us`.
    """

    transport: str
    arm: str
    parts: tuple[Part, ...]
    sum_us: float
    total_us: Amount


class Setup(Model):
    """How much of a difference between transports goes away when nginx keeps its connections: it was setting up.

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
