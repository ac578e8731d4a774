"""The facts of the host, of an arm and of a calibration, as they are written and read: host.json, proofs, calibration.

Any key may be missing, as earlier versions did not write it, and later ones may add others: all are kept as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # that of typing is enough for pydantic from Python 3.12 on

TextTable = Mapping[str, str | None]
READ_STRICTLY = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


@with_config(READ_STRICTLY)
class CpuFacts(TypedDict, total=False):
    """Facts about CPUs; `online` and `allowed` are lists like 0-3."""

    models: list[dict[str, Any]] | None
    online: Any
    allowed: Any
    topology: list[Any] | None
    frequency: list[dict[str, Any]] | None
    settings: Any
    halt_poll: Any
    mitigations: dict[str, str] | None


@with_config(READ_STRICTLY)
class VirtualFacts(TypedDict, total=False):
    """The hypervisor ("unknown", or None if bare), the container runtime, and the signs of both."""

    machine: Any
    container: Any
    signs: Any


@with_config(READ_STRICTLY)
class MemoryFacts(TypedDict, total=False):
    """Facts about memory."""

    total_bytes: int | None
    available_bytes: Any
    swap_bytes: Any
    swap_free_bytes: Any
    transparent_hugepages: TextTable | None


@with_config(READ_STRICTLY)
class _MountKind(TypedDict):
    kind: str
    options: list[str]


@with_config(READ_STRICTLY)
class MountFacts(_MountKind, total=False):
    """The file system of a directory that can hold a socket."""

    mount_point: Any


@with_config(READ_STRICTLY)
class CgroupFacts(TypedDict, total=False):
    """Mount points of control groups, and the limits of ours; None where there is none."""

    mounts: Any
    cpu_limit: float | None
    memory_limit_bytes: int | None


@with_config(READ_STRICTLY)
class NetworkFacts(TypedDict, total=False):
    """Interfaces, loaded modules, and tracked connections."""

    interfaces: Any
    loaded: list[str] | None
    conntrack_entries: Any


@with_config(READ_STRICTLY)
class PythonFacts(TypedDict, total=False):
    """Facts about our Python and its packages."""

    version: str | None
    implementation: Any
    compiler: Any
    libc: Any
    barehop: str | None
    distributions: dict[str, str]


@with_config(READ_STRICTLY)
class HostFacts(TypedDict, total=False):
    """The content of host.json."""

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


@with_config(READ_STRICTLY)
class HopProof(TypedDict, total=False):
    """The address of a hop, the inodes of the sockets that listen there, and their file system."""

    address: Any
    listener: Any
    filesystem: Any
    mount_point: Any
    options: Any


@with_config(READ_STRICTLY)
class ArmProof(TypedDict, total=False):
    """What proves an arm: its answer, processes and CPUs by role, sockets of its hop, kernel values, rungs."""

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
    knobs: Any
    network: Any
    not_copied: Any
    sandbox: Any
    rung: Any


@with_config(READ_STRICTLY)
class AlarmFacts(TypedDict):
    """False alarms of a calibration."""

    runs: int
    alarms: int
    percent_low: float
    percent_high: float


@with_config(READ_STRICTLY)
class SpikeFacts(TypedDict):
    """Detection of a known spike."""

    us: int
    runs: int
    covered: int
    estimate_us: float


@with_config(READ_STRICTLY)
class CalibrationFacts(TypedDict):
    """The facts of calibration.json."""

    aa: AlarmFacts
    spikes: list[SpikeFacts]
    floor_percent: float
    floor_us: float
    sessions_per_run: int
    seconds_per_run: float
