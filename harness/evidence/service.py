"""The processes behind a url, as far as the experiment names them: who they are, and their CPU time."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from harness.errors import MachineError, StackError
from harness.evidence.cpu_time import client_ns, cpu_reader
from harness.model import SERVICE, Arm, Settings

CGROUPS = Path("/sys/fs/cgroup")
# Where cgroups lie below it: version 2, and the hierarchies of version 1 that count CPU time.
HIERARCHIES = ("", "cpu,cpuacct", "cpuacct", "unified")
_USAGE = re.compile(rb"^usage_usec (\d+)$", re.MULTILINE)

Reading = Callable[[], Mapping[str, int]]


def service_cpu(arm: Arm) -> Reading:
    """CPU time of the client, and of the service where `pids` or `cgroup` name it; StackError when that has ended."""
    settings = arm.settings
    if settings.cgroup:
        path, parse = _usage_of(settings.cgroup)
        return _watched(arm, lambda: {"client": client_ns(), SERVICE: parse(path.read_bytes())})
    return _watched(arm, cpu_reader({SERVICE: family(settings.pids)} if settings.pids else {}))


def service_pids(settings: Settings) -> frozenset[int]:
    """Those of the service that are known now."""
    if settings.cgroup:
        path, _ = _usage_of(settings.cgroup)
        texts = [file.read_text() for file in path.parent.rglob("cgroup.procs")]
        return frozenset(int(pid) for text in texts for pid in text.split())
    return frozenset(family(settings.pids))


def service_machine_problems(settings: Settings) -> Iterator[str]:
    """Why this machine cannot read what the settings name."""
    try:
        service_pids(settings)
    except MachineError as problem:
        yield str(problem)
    if settings.authority and not Path(settings.authority).is_file():
        yield f"There is no file {settings.authority}, which authority names. Give a certificate in PEM."


def family(pids: tuple[int, ...]) -> tuple[int, ...]:
    """The processes and all their descendants, each once. Raises MachineError."""
    found: dict[int, None] = {}
    for pid in pids:
        try:
            process = psutil.Process(pid)
            found |= dict.fromkeys([pid, *(child.pid for child in process.children(recursive=True))])
        except psutil.Error:
            raise MachineError(
                f"There is no process {pid}, which pids names. Containers have others after each start: "
                "docker inspect --format '{{.State.Pid}}' NAME tells them."
            ) from None
    return tuple(found)


def _watched(arm: Arm, read: Reading) -> Reading:
    def reading() -> Mapping[str, int]:
        try:
            return read()
        except OSError as error:
            raise StackError(
                f"Arm {arm.name!r}: a process or the cgroup behind {arm.settings.url} has ended since the session "
                f"began ({error.strerror}). Where processes come and go, give their cgroup, which counts them all."
            ) from None

    return reading


def _usage_of(cgroup: str) -> tuple[Path, Callable[[bytes], int]]:
    """The file that counts the CPU time of a cgroup, and how it is read, in nanoseconds. Raises MachineError."""
    places = [CGROUPS / hierarchy / cgroup for hierarchy in HIERARCHIES]  # a whole path stays what it is
    for place in dict.fromkeys(places):
        for name, parse in (("cpuacct.usage", int), ("cpu.stat", _of_stat)):
            path = place / name
            if path.is_file() and not (name == "cpu.stat" and not _USAGE.search(path.read_bytes())):
                return path, parse
    raise MachineError(
        f"The cgroup {cgroup} counts no CPU time here: there is neither cpuacct.usage nor usage_usec in cpu.stat. Give "
        "its directory, whole or below /sys/fs/cgroup; /proc/PID/cgroup tells it."
    )


def _of_stat(text: bytes) -> int:
    found = _USAGE.search(text)
    assert found
    return 1000 * int(found[1])
