"""How often a share of a CPU that was used up stopped a server."""

from harness.model.words import Model


class Throttled(Model):
    """Over all sessions: the periods in which the servers of `role` ran, and those in which they were stopped.

    `arms` are all that these servers serve.
    """

    arms: tuple[str, ...]
    role: str
    cpu_quota: float
    periods: int
    throttled_periods: int
    throttled_us: int
