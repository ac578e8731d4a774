"""How latency depends on load: requests sent at a rate, and the search for the highest that can be borne."""

from harness.model.why import Amount
from harness.model.words import Model


class Paced(Model):
    """An arm whose requests were sent at a rate. The arm's own times count from when a request was meant to be sent.

    `from_sending` has p50, p90, p99 and the mean from when it really was, `late` how much later that was: mean and p99.
    Both in microseconds.
    """

    rate_per_s: float
    from_sending: dict[str, float]
    late: dict[str, float]


class Capacity(Model):
    """The highest rate at which p99 stays below the limit; `sessions` are those that found one."""

    arm: str
    p99_limit_ms: float
    per_s: Amount
    sessions: int
    client_bound: bool = False  # whether the client was so late that the limit may be its own


class LoadPoint(Model):
    """Latency at a rate: of an arm, or of one step of a search in one session. Microseconds."""

    arm: str
    rate_per_s: float
    p50_us: float
    p99_us: float
    session: int | None = None
