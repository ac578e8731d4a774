"""How often servers were throttled because their CPU quota was exhausted."""

from harness.model.words import Model


class Throttled(Model):
    """The periods in which the servers of `role` ran and were throttled, over all sessions; they serve all `arms`."""

    arms: tuple[str, ...]
    role: str
    cpu_quota: float
    periods: int
    throttled_periods: int
    throttled_us: int
