"""The shapes of facts about a host and of proofs, as far as reports rely on them; what else is there is anything."""

from typing import Any

from pydantic import BaseModel, ConfigDict

Texts = dict[str, str | None]


class Shape(BaseModel):
    """A table that may hold more than is described here."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class Cpus(Shape):
    models: list[dict[str, Any]] | None = None
    topology: list[Any] | None = None
    frequency: list[dict[str, Any]] | None = None
    mitigations: dict[str, str] | None = None


class Memory(Shape):
    total_bytes: int | None = None
    transparent_hugepages: Texts | None = None


class Mount(Shape):
    kind: str
    options: list[str]


class Cgroup(Shape):
    cpu_limit: float | None = None
    memory_limit_bytes: int | None = None


class Network(Shape):
    loaded: list[str] | None = None


class Python(Shape):
    version: str | None = None
    barehop: str | None = None
    distributions: dict[str, str] = {}


class Host(Shape):
    """host.json."""

    kernel: Texts = {}
    system: str | None = None
    cpus: Cpus = Cpus()
    virtual: dict[str, Any] = {}
    clock: Texts = {}
    memory: Memory = Memory()
    sysctls: Texts = {}
    mounts: dict[str, Mount] = {}
    cgroup: Cgroup = Cgroup()
    network: Network = Network()
    python: Python = Python()
    programs: dict[str, str] = {}
    pyperf: dict[str, str | int | float] = {}


class Proof(Shape):
    """What was proved of an arm."""

    cpus: dict[str, list[int]] = {}
    hop: dict[str, Any] = {}


class Alarms(Shape):
    runs: int
    alarms: int
    percent_low: float
    percent_high: float


class Spike(Shape):
    us: int
    runs: int
    covered: int
    estimate_us: float


class CalibrationShape(Shape):
    """calibration.json."""

    aa: Alarms
    spikes: list[Spike]
    floor_percent: float
    floor_us: float
    sessions_per_run: int
    seconds_per_run: float
