"""Latency under load: open-loop times, capacities, and latency by rate."""

from harness.model.why import Amount
from harness.model.words import Model


class Paced(Model):
    """Times of an arm whose requests were sent at a rate, in us. The arm's other times count from the scheduled send.

    `from_sending` has p50, p90, p99 and the mean from the actual send; `late` has the mean and p99 of the send lag.
    """

    rate_per_s: float
    from_sending: dict[str, float]
    late: dict[str, float]


class Capacity(Model):
    """The highest rate at which p99 stays below the limit, from the `sessions` that found one."""

    arm: str
    p99_limit_ms: float
    per_s: Amount
    sessions: int
    client_bound: bool = False  # whether the send lag of the client may limit the rate


class LoadPoint(Model):
    """Latency at a rate, of an arm or of one step of a search in one session."""

    arm: str
    rate_per_s: float
    p50_us: float
    p99_us: float
    session: int | None = None
