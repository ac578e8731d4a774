"""The validation of imported results: validate --json."""

from typing import Literal

from harness.model.base import JsonModel
from harness.model.effects import Size
from harness.model.explanation import Interval
from harness.model.summary import Comparison

ClaimStatus = Literal["confirmed", "contradicted", "cannot be decided"]
IntervalSource = Literal["pairs", "runs", "raw times", ""]  # "": there is no interval
BoundSource = Literal["arms of this run", "barehop floor"]
ClaimReason = Literal[
    "does not add up",
    "failed requests",
    "no time",
    "other connections",
    "asked otherwise",
    "undecided",
    "no bare comparison",
    "bare undecided",
    "single runs",
    "includes zero",
    "too coarse",
    "beyond a socket",
    "disagrees",
    "agrees",
    "other size",
]


class ImportedRow(JsonModel):
    """All runs of one architecture at one place.

    `time_us` is the mean time per request from the files, `by_rate_us` that which their rates imply; `interval` is the
    source of the interval of `time_us`. Raw times of a single run describe that run alone. `remarks` are sentences of
    the import formats.
    """

    where: str
    architecture: str
    transport: str
    sources: tuple[str, ...]
    runs: int
    requests: int | None  # of the shortest run
    connections: int | None
    failed: int
    time_us: Interval | None
    by_rate_us: float | None
    interval: IntervalSource
    adds_up: bool
    remarks: tuple[str, ...] = ()


class PairSpread(JsonModel):
    """The difference of two stretches of requests in percent: the median, and the 95th percentile of pairs."""

    pairs: int
    typical_percent: float
    most_percent: float


class SingleRunSpread(JsonModel):
    """The A/A spread of single runs on this machine.

    It is measured on stretches of `requests` successive requests, all arms pooled, each visit relative to the mean of
    its arm. `next` compares neighbours within a session, `apart` different sessions, between which everything was
    restarted. `wanted` is the requested length, but a stretch is at least a visit and at most a session.
    """

    wanted: int
    requests: int
    sessions: int
    stretches: int
    next: PairSpread | None
    apart: PairSpread | None


class SocketBound(JsonModel):
    """The most that a socket can cost or save on this machine, us per request.

    `unix_us` and `tcp_us` are a whole bare exchange over the slower Unix socket and over TCP: connect, request, answer,
    close, and the work and wake-ups of both programs. `difference_us` is the first less the second. `unix_rungs_us` and
    `tcp_rungs_us` are the most that the rungs of the ladder in `ladder` add.
    """

    found_in: BoundSource
    unix_us: float
    tcp_us: float
    difference_us: Interval
    ladder: str = ""
    unix_rungs_us: float = 0.0
    tcp_rungs_us: float = 0.0


class Claim(Size):
    """The claim of one architecture against that over TCP at the same place, and its status.

    `besides` are the settings other than the transport in which the bare arms differ. `by_rate_us`
    is the difference that the rates imply. `chance` is the share of A/A pairs of stretches that differ by more here.
    `bound_us` is the most that a socket can cause in this direction, `slowness` how many times as long a request takes
    there.
    """

    where: str
    architecture: str
    against: str
    by_rate_us: float | None
    bare: Comparison | None
    besides: tuple[str, ...] = ()
    requests: int | None
    chance: float | None
    slowness: float | None
    bound_us: float | None
    beyond: bool | None
    standing: ClaimStatus
    reasons: tuple[ClaimReason, ...]


class RuntimeShare(JsonModel):
    """The time of a container less that of the bare arm, us per request: the share of runtime and machine.

    From "pairs", of a service that was visited in turn with the bare arm, it is the share of the runtime; the interval
    includes the variance between service starts.
    """

    where: str
    architecture: str
    transport: str
    arm: str
    container_us: Interval
    bare_us: Interval
    us: Interval
    interval: IntervalSource


class Validation(JsonModel):
    """`validation.json`, format 1: keys may be added, never renamed."""

    format: Literal[1] = 1
    experiment: str
    directory: str
    id: str = ""  # of the bare run
    valid: bool
    rows: tuple[ImportedRow, ...]
    claims: tuple[Claim, ...]
    shares: tuple[RuntimeShare, ...]
    spreads: tuple[SingleRunSpread, ...]
    bound: SocketBound | None
