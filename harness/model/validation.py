"""What is said of results made elsewhere: validate --json."""

from typing import Literal

from harness.model.summary import Comparison
from harness.model.why import Amount
from harness.model.words import Model

Standing = Literal["confirmed", "contradicted", "cannot be decided"]
IntervalFrom = Literal["pairs", "runs", "raw times", ""]  # "": there is no interval
BoundFrom = Literal["arms of this run", "barehop floor"]
Reason = Literal[
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


class ForeignRow(Model):
    """One architecture at one place: the runs that were made of it.

    `time_us` is the mean time per request as the files state it, `by_rate_us` what their rates make of it; `interval`
    says what the interval of `time_us` comes from. Raw times of a single run speak for that run alone. `remarks` are
    sentences of whoever read the files.
    """

    where: str
    architecture: str
    transport: str
    sources: tuple[str, ...]
    runs: int
    requests: int | None  # of the shortest run
    connections: int | None
    failed: int
    time_us: Amount | None
    by_rate_us: float | None
    interval: IntervalFrom
    adds_up: bool
    remarks: tuple[str, ...] = ()


class Pairs(Model):
    """By how many percent two stretches of requests differ: the typical pair, and 95 of 100 pairs at most."""

    pairs: int
    typical_percent: float
    most_percent: float


class Spread(Model):
    """How far single runs lie apart on this machine, though they are runs of one and the same arm.

    Stretches of `requests` in a row, all arms together, each visit's time over its arm's mean. `next` are neighbours
    within a session, `apart` are of different sessions, for which everything was started afresh. `wanted` is how many
    requests in a row were asked for; where a session has fewer, its whole is the stretch, and where a visit has more,
    that.
    """

    wanted: int
    requests: int
    sessions: int
    stretches: int
    next: Pairs | None
    apart: Pairs | None


class SocketBound(Model):
    """What a socket can cost or save at most on this machine, us per request.

    `unix_us` and `tcp_us` are a whole bare exchange over either, the dearer of Unix sockets: connecting, asking,
    answering, closing, the work of both programs and their waking. `difference_us` is the first less the second.
    `unix_rungs_us` and `tcp_rungs_us` are what the rungs of the ladder in `ladder` add at most.
    """

    found_in: BoundFrom
    unix_us: float
    tcp_us: float
    difference_us: Amount
    ladder: str = ""
    unix_rungs_us: float = 0.0
    tcp_rungs_us: float = 0.0


class Claim(Model):
    """One architecture against that over TCP at the same place: what is claimed, what is so here, and what follows.

    Above 0 is slower. `besides` are the settings in which the bare arms differ but for their transport. `by_rate_us` is
    the difference that the rates give. `chance` is the share of pairs of stretches of one and the same arm that lay
    further apart here. `bound_us` is what a socket can make of a difference of this sign, `slowness` how many times as
    long everything took there.
    """

    where: str
    architecture: str
    against: str
    us: float | None
    us_low: float | None = None
    us_high: float | None = None
    percent: float | None
    percent_low: float | None = None
    percent_high: float | None = None
    by_rate_us: float | None
    bare: Comparison | None
    besides: tuple[str, ...] = ()
    requests: int | None
    chance: float | None
    slowness: float | None
    bound_us: float | None
    beyond: bool | None
    standing: Standing
    reasons: tuple[Reason, ...]


class Share(Model):
    """The container less the bare arm, us per request: what runtime and machine add together.

    From "pairs", of a service that was visited in turn with the bare arm, it is what the runtime adds; the interval has
    room for the luck of the service's one start.
    """

    where: str
    architecture: str
    transport: str
    arm: str
    container_us: Amount
    bare_us: Amount
    us: Amount
    interval: IntervalFrom


class Validation(Model):
    """`validation.json`, format 1: keys may be added, never renamed."""

    format: Literal[1] = 1
    experiment: str
    directory: str
    valid: bool
    rows: tuple[ForeignRow, ...]
    claims: tuple[Claim, ...]
    shares: tuple[Share, ...]
    spreads: tuple[Spread, ...]
    bound: SocketBound | None
