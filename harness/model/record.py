"""The types of recorded data: the record of a session, and the facts of the host, of an arm and of a calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal, Required

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict  # that of typing is enough for pydantic from Python 3.12 on

from harness.model.base import JsonModel
from harness.model.experiment import Schedule
from harness.model.waiting import ArmWaiting

SESSIONS_PER_RUN = 8  # of a calibration

CounterSnapshot = tuple[bytes, ...]  # the content of each file of a counter reader at one moment


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of one arm. Times are in order of sending; failed requests have none. The rest is as in `VisitRow`."""

    round: int
    order: int
    arm: str
    requests: int
    mean_us: float | None
    failures: Mapping[str, int] = field(default_factory=dict)
    positions: tuple[int, ...] = ()
    start_ns: tuple[int, ...] = ()
    latency_ns: tuple[int, ...] = ()  # all times, with our client
    percentiles_us: Mapping[float, float] = field(default_factory=dict)  # with an outside tool only
    cpu_ns: Mapping[str, int] = field(default_factory=dict)  # by role, settling included, over `cpu_requests`
    cpu_requests: int = 0
    wall_ns: int = 0  # duration, over `cpu_requests` as well
    late_ns: tuple[int, ...] = ()  # by request
    late_us: float | None = None
    interval_us: float | None = None
    rate_per_s: float | None = None
    holds: bool | None = None
    front_connections: int | None = None  # that the client opened to nginx; None: unknown, with an outside tool
    snapshots: tuple[CounterSnapshot, CounterSnapshot] | None = None  # before and after, in rounds with counters


class Doubt(JsonModel):
    """A reason to distrust a run: its kind, its place, the observation, and the advice."""

    kind: str
    session: int | None = None
    arm: str | None = None
    seen: str
    advice: str


class VisitRow(JsonModel):
    """A visit in the record of a session; `cpu_us`, `wall_us` and `counters` are per request."""

    round: int
    order: int
    arm: str
    requests: int
    mean_us: float | None  # at a rate, from the scheduled send
    typical_us: float | None = None  # mean without the slowest quarter of the requests; None without single times
    percentiles_us: dict[float, float] = Field(default_factory=dict)
    cpu_us: dict[str, float] = Field(default_factory=dict)
    wall_us: float | None = None
    counters: dict[str, float] = Field(default_factory=dict)  # by owner and quantity: "nginx.wait_us", "host.net_rx"
    interval_us: float | None = None  # mean time from one request to the next, the inverse of throughput
    late_us: float | None = None  # at a rate, the mean send lag
    rate_per_s: float | None = None  # in the search for a capacity, the rate of a step
    holds: bool | None = None  # and whether p99 stayed below the limit


TextTable = Mapping[str, str | None]


@with_config(ConfigDict(strict=True, extra="allow", allow_inf_nan=False))
class Facts(TypedDict, total=False):
    """Facts as they were written: any key may be missing in earlier versions, and later ones may add others."""


class CpuFacts(Facts, total=False):
    """Facts about CPUs; `online` and `allowed` are lists like 0-3."""

    models: list[dict[str, Any]] | None
    online: Any
    allowed: Any
    topology: list[Any] | None
    frequency: list[dict[str, Any]] | None
    settings: Any
    halt_poll: Any
    mitigations: dict[str, str] | None


class VirtualFacts(Facts, total=False):
    """The hypervisor ("unknown", or None if bare), the container runtime, and the signs of both."""

    machine: Any
    container: Any
    signs: Any


class MemoryFacts(Facts, total=False):
    """Facts about memory."""

    total_bytes: int | None
    available_bytes: Any
    swap_bytes: Any
    swap_free_bytes: Any
    transparent_hugepages: TextTable | None


class MountFacts(Facts, total=False):
    """The file system of a directory that can hold a socket."""

    kind: Required[str]
    options: Required[list[str]]
    mount_point: Any


class CgroupFacts(Facts, total=False):
    """Mount points of control groups, and the limits of ours; None where there is none."""

    mounts: Any
    cpu_limit: float | None
    memory_limit_bytes: int | None


class NetworkFacts(Facts, total=False):
    """Interfaces, loaded modules, and tracked connections."""

    interfaces: Any
    loaded: list[str] | None
    conntrack_entries: Any


class PythonFacts(Facts, total=False):
    """Facts about our Python and its packages."""

    version: str | None
    implementation: Any
    compiler: Any
    libc: Any
    barehop: str | None
    distributions: dict[str, str]


class IdentityFacts(Facts, total=False):
    """Which machine and which boot of it this is, as hashes that name neither; None if unknown."""

    machine: str | None
    boot: str | None


class HostFacts(Facts, total=False):
    """The content of host.json."""

    identity: IdentityFacts
    kernel: TextTable
    system: str | None
    cpus: CpuFacts
    virtual: VirtualFacts
    clock: TextTable
    memory: MemoryFacts
    scheduler: Any
    sysctls: TextTable
    mounts: dict[str, MountFacts]
    cgroup: CgroupFacts
    network: NetworkFacts
    python: PythonFacts
    programs: dict[str, str]
    pyperf: dict[str, str | int | float]
    environment: Any
    serving: Any
    server: Any  # the same facts of the machine with the servers, where that is another one


class HopProof(Facts, total=False):
    """The address of a hop, the inodes of its listening sockets, their file system, what is spoken, and redirection.

    `connections`: by how much the transport's own counters of connections grew with one request.
    """

    address: Any
    listener: Any
    speaks: Any
    tls: Any
    resumes_sessions: Any
    redirected_messages: Any  # of one request, from socket to socket
    connections: Any
    filesystem: Any
    mount_point: Any
    options: Any


class LayoutProof(Facts, total=False):
    """The memory layout of an arm's servers: its setting, and by role whether addresses are fixed or random."""

    setting: str
    addresses: dict[str, str]
    hash_seed: Any
    stack_shift_bytes: Any


class ArmProof(Facts, total=False):
    """The proof of an arm: its answer, processes and CPUs by role, sockets of its hop, layout, kernel values, rungs."""

    url: Any
    address: Any
    status: int
    body_bytes: int
    kind: str | None
    keys: Sequence[str] | None
    pids: Any
    cpus: dict[str, Sequence[int]]
    upstream: Any
    nginx_listens: Any
    hop: HopProof
    layout: LayoutProof
    knobs: Any
    network: Any
    not_copied: Any
    sandbox: Any
    rung: Any


class FalseAlarms(JsonModel):
    """A/A runs in which an arm was called different, with the Clopper-Pearson interval of that rate."""

    runs: int
    alarms: int
    percent_low: float
    percent_high: float


class SpikeDetection(JsonModel):
    """Runs whose interval contains the known difference, and the mean of their estimates."""

    us: int
    runs: int
    covered: int
    estimate_us: float


class LabelSwap(JsonModel):
    """Runs in which swapping two labels flips the sign of the estimate and changes nothing else."""

    runs: int
    flipped: int


class Calibration(JsonModel):
    """The output of `barehop calibrate --json`. The floor holds for runs of `sessions_per_run` sessions."""

    format: Literal[1] = 1
    aa: FalseAlarms
    spikes: tuple[SpikeDetection, ...]
    swap: LabelSwap
    floor_percent: float
    floor_us: float
    sessions_per_run: int = SESSIONS_PER_RUN
    seconds_per_run: float


class SessionProfile(JsonModel):
    """The profile of a session: its bursts under perf, whose CPU time is not that of others, and perf's event.

    The samples are in a file of their own, with the checksum `sha256`.
    """

    event: str  # "cycles", or "cpu-clock" without a PMU
    bursts: tuple[VisitRow, ...]
    sha256: str = ""


class SessionWaiting(JsonModel):
    """The waiting of a session: its bursts with scheduler events traced, whose times are not those of others."""

    bursts: tuple[VisitRow, ...]
    arms: tuple[ArmWaiting, ...]


class Record(JsonModel):
    """`sessions/0001.json`: all results of a session, except the raw times in a file of their own.

    `throttled` has the throttling of servers with a CPU quota, by the first of the arms that they serve and by role;
    earlier versions wrote the names of all these arms, joined with ", ", and neither `run_id` nor `requests_sha256`.
    """

    format: Literal[1] = 1
    run_id: str = ""  # as in plan.json
    requests_sha256: str = ""  # of the file with the raw times
    session: int
    started_utc: str
    seconds: dict[str, float]  # arranging, visiting, total
    schedule: Schedule
    proofs: dict[str, ArmProof]  # by arm, from before it was measured
    failures: dict[str, dict[str, int]]
    visits: tuple[VisitRow, ...]
    counted: tuple[VisitRow, ...] = ()  # separate bursts under perf, whose times do not count
    profile: SessionProfile | None = None
    waiting: SessionWaiting | None = None
    unseen: tuple[str, ...] = ()  # sentences on counters that are not available, and why
    throttled: dict[str, dict[str, dict[str, int]]] = Field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()

    @property
    def all_visits(self) -> tuple[VisitRow, ...]:
        """Return the visits, and the bursts under perf."""
        under_perf = [perf_pass.bursts for perf_pass in (self.profile, self.waiting) if perf_pass]
        return (*self.visits, *self.counted, *chain(*under_perf))

    def throttled_servers(self, arms: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return the throttling by role of the servers that serve `arms`; empty if unknown."""
        return self.throttled.get(arms[0]) or self.throttled.get(", ".join(arms)) or {}


class ThrottleCounts(JsonModel):
    """The periods in which the servers of `role` ran and were throttled, over all sessions; they serve all `arms`."""

    arms: tuple[str, ...]
    role: str
    cpu_quota: float
    periods: int
    throttled_periods: int
    throttled_us: int
