"""The parts of host.json, proofs and calibration.json that reports need; other keys are allowed."""

from typing import Any

from pydantic import BaseModel, ConfigDict

Texts = dict[str, str | None]


class Shape(BaseModel):
    """A table that may have other keys."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class Cpus(Shape):
    """Facts about CPUs."""

    models: list[dict[str, Any]] | None = None
    topology: list[Any] | None = None
    frequency: list[dict[str, Any]] | None = None
    mitigations: dict[str, str] | None = None


class Memory(Shape):
    """Facts about memory."""

    total_bytes: int | None = None
    transparent_hugepages: Texts | None = None


class Mount(Shape):
    """A mount."""

    kind: str
    options: list[str]


class Cgroup(Shape):
    """Limits of the control group."""

    cpu_limit: float | None = None
    memory_limit_bytes: int | None = None


class Network(Shape):
    """Facts about the network."""

    loaded: list[str] | None = None


class Python(Shape):
    """Facts about Python and its packages."""

    version: str | None = None
    barehop: str | None = None
    distributions: dict[str, str] = {}


class Host(Shape):
    """The facts of host.json."""

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
    """The proof of an arm in a record."""

    cpus: dict[str, list[int]] = {}
    hop: dict[str, Any] = {}


class Alarms(Shape):
    """False alarms of a calibration."""

    runs: int
    alarms: int
    percent_low: float
    percent_high: float


class Spike(Shape):
    """Detection of a known spike."""

    us: int
    runs: int
    covered: int
    estimate_us: float


class CalibrationShape(Shape):
    """The facts of calibration.json."""

    aa: Alarms
    spikes: list[Spike]
    floor_percent: float
    floor_us: float
    sessions_per_run: int
    seconds_per_run: float
