"""The parts of host.json, proofs and calibration.json that reports need; other keys are allowed."""

from typing import Any

from pydantic import BaseModel, ConfigDict

TextTable = dict[str, str | None]


class FactTable(BaseModel):
    """A table that may have other keys."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class CpuFacts(FactTable):
    """Facts about CPUs."""

    models: list[dict[str, Any]] | None = None
    topology: list[Any] | None = None
    frequency: list[dict[str, Any]] | None = None
    mitigations: dict[str, str] | None = None


class MemoryFacts(FactTable):
    """Facts about memory."""

    total_bytes: int | None = None
    transparent_hugepages: TextTable | None = None


class MountFacts(FactTable):
    """A mount."""

    kind: str
    options: list[str]


class CgroupFacts(FactTable):
    """Limits of the control group."""

    cpu_limit: float | None = None
    memory_limit_bytes: int | None = None


class NetworkFacts(FactTable):
    """Facts about the network."""

    loaded: list[str] | None = None


class PythonFacts(FactTable):
    """Facts about Python and its packages."""

    version: str | None = None
    barehop: str | None = None
    distributions: dict[str, str] = {}


class HostFacts(FactTable):
    """The facts of host.json."""

    kernel: TextTable = {}
    system: str | None = None
    cpus: CpuFacts = CpuFacts()
    virtual: dict[str, Any] = {}
    clock: TextTable = {}
    memory: MemoryFacts = MemoryFacts()
    sysctls: TextTable = {}
    mounts: dict[str, MountFacts] = {}
    cgroup: CgroupFacts = CgroupFacts()
    network: NetworkFacts = NetworkFacts()
    python: PythonFacts = PythonFacts()
    programs: dict[str, str] = {}
    pyperf: dict[str, str | int | float] = {}


class ProofFacts(FactTable):
    """The proof of an arm in a record."""

    cpus: dict[str, list[int]] = {}
    hop: dict[str, Any] = {}


class AlarmFacts(FactTable):
    """False alarms of a calibration."""

    runs: int
    alarms: int
    percent_low: float
    percent_high: float


class SpikeFacts(FactTable):
    """Detection of a known spike."""

    us: int
    runs: int
    covered: int
    estimate_us: float


class CalibrationFacts(FactTable):
    """The facts of calibration.json."""

    aa: AlarmFacts
    spikes: list[SpikeFacts]
    floor_percent: float
    floor_us: float
    sessions_per_run: int
    seconds_per_run: float
