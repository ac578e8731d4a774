"""What a request waits for: the chain of wake-ups that it goes through; of a session, of an arm, of a pair of arms."""

from typing import Literal

from pydantic import Field

from harness.model.base import JsonModel
from harness.model.explanation import Interval
from harness.model.profile import AmountVerdict

ChainPartKind = Literal["cpu", "wake-up", "other"]
WaitingQuantity = Literal["median", "p99", "off CPU"]


class WakeLink(JsonModel):
    """The wake-ups of a role by another on the way of a request: the time from being woken to running.

    `us` is the mean over typical requests; the median and p99 are of all requests that have the link.
    """

    waker: str
    woken: str
    wakeups: float  # per request
    us: float
    median_us: float
    p99_us: float


class RoleWaiting(JsonModel):
    """The time of a role while a request is on its way: on a CPU, of which `path_us` delays it, and off the CPU.

    The means are over typical requests; the median and p99 of its wake-ups, added up by request, are of all requests.
    """

    path_us: float
    off_cpu_us: float
    wakeup_median_us: float
    wakeup_p99_us: float


class ArmWaiting(JsonModel):
    """The chain of the requests of an arm in a session; those are typical that are not the slowest quarter of a burst.

    `request_us`, their mean time while they were traced, is the sum of `path_us`, links and `other_us`.
    """

    arm: str
    requests: int
    incomplete: int  # requests whose chain could not be followed back to their start
    request_us: float
    roles: dict[str, RoleWaiting]
    links: tuple[WakeLink, ...]
    other_us: dict[str, float]


class ChainPart(JsonModel):
    """A part of the time of a request: CPU time or a wake-up of a role, or something else, as `name` says."""

    kind: ChainPartKind
    name: str
    waker: str = ""
    us: Interval
    median_us: Interval | None = None
    p99_us: Interval | None = None


class RequestChain(JsonModel):
    """The parts of the time of a typical request of an arm, in the order of its way; they add up to `sum_us`.

    CPU time is scaled from the traced to the timed bursts. `request_us` is the time in the timed bursts, `left_us` that
    less the sum, `traced_us` the time in the traced bursts.
    """

    arm: str
    sessions: int
    requests: int
    incomplete: int
    request_us: Interval
    traced_us: Interval
    parts: tuple[ChainPart, ...]
    sum_us: Interval
    left_us: Interval

    @property
    def adds_up(self) -> bool:
        """Whether the time that is left may be 0."""
        return not self.left_us.excludes_zero


class WaitingDifference(JsonModel):
    """The difference in the wake-ups of a role, or in its time off the CPU, per request."""

    role: str
    quantity: WaitingQuantity
    us: Interval
    arm_us: float
    against_us: float
    p: float | None = None
    p_adjusted: float | None = None  # by Holm, over the differences of the pair
    verdict: AmountVerdict | None = None


class WaitingComparison(JsonModel):
    """How two arms differ in waiting, and the parts of the rest that a difference in time has beside CPU time."""

    arm: str
    against: str
    sessions: int
    differences: tuple[WaitingDifference, ...]
    rest_us: Interval | None = None
    rest_parts: dict[str, Interval] = Field(default_factory=dict)
