"""The processes behind a url, as named by `pids` or `cgroup`, and their CPU time."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from harness.errors import MachineError, StackError
from harness.evidence.cpu_time import client_ns, cpu_reader
from harness.model import SERVICE, Arm, Settings

CGROUPS = Path("/sys/fs/cgroup")
# Directories of cgroups below it: version 2, and the hierarchies of version 1 that count CPU time.
HIERARCHIES = ("", "cpu,cpuacct", "cpuacct", "unified")
_USAGE = re.compile(rb"^usage_usec (\d+)$", re.MULTILINE)

Reading = Callable[[], Mapping[str, int]]


def service_cpu(arm: Arm) -> Reading:
    """Return a function that reads the CPU time of the client and of the named service.

    The function raises StackError when the service has ended.
    """
    settings = arm.settings
    if settings.cgroup:
        path, parse = _cgroup_usage(settings.cgroup)
        return _report_end(arm, lambda: {"client": client_ns(), SERVICE: parse(path.read_bytes())})
    return _report_end(arm, cpu_reader({SERVICE: family(settings.pids)} if settings.pids else {}))


def service_pids(settings: Settings) -> frozenset[int]:
    """Return the process ids of the service at this moment. Raise MachineError where it does not exist."""
    if settings.cgroup:
        path, _ = _cgroup_usage(settings.cgroup)
        texts = [file.read_text() for file in path.parent.rglob("cgroup.procs")]
        return frozenset(int(pid) for text in texts for pid in text.split())
    return frozenset(family(settings.pids))


def service_machine_problems(settings: Settings) -> Iterator[str]:
    """Yield why this machine cannot find the processes, the cgroup or the certificate that the settings name."""
    try:
        service_pids(settings)
    except MachineError as problem:
        yield str(problem)
    if settings.authority and not Path(settings.authority).is_file():
        yield f"The file {settings.authority} of authority does not exist. Give a certificate in PEM."


def family(pids: tuple[int, ...]) -> tuple[int, ...]:
    """Return the processes and all their descendants, without repetitions. Raise MachineError for a missing one."""
    tree: dict[int, None] = {}
    for pid in pids:
        try:
            process = psutil.Process(pid)
            tree |= dict.fromkeys([pid, *(child.pid for child in process.children(recursive=True))])
        except psutil.Error:
            raise MachineError(
                f"The process {pid} of pids does not exist. A container has another process id after each start: "
                "docker inspect --format '{{.State.Pid}}' NAME shows it."
            ) from None
    return tuple(tree)


def _report_end(arm: Arm, read: Reading) -> Reading:
    """Return `read` with a StackError for an ended process or cgroup."""

    def read_or_raise() -> Mapping[str, int]:
        try:
            return read()
        except OSError as error:
            raise StackError(
                f"Arm {arm.name!r}: a process or the cgroup behind {arm.settings.url} has ended since the session "
                f"began ({error.strerror}). Where processes come and go, give their cgroup, which counts them all."
            ) from None

    return read_or_raise


def _cgroup_usage(cgroup: str) -> tuple[Path, Callable[[bytes], int]]:
    """Return the file with the CPU time of a cgroup, and a function that parses it to nanoseconds."""
    directories = [CGROUPS / hierarchy / cgroup for hierarchy in HIERARCHIES]  # an absolute path stays as it is
    for directory in dict.fromkeys(directories):
        for name, parse in (("cpuacct.usage", int), ("cpu.stat", _usage_ns)):
            path = directory / name
            if path.is_file() and not (name == "cpu.stat" and not _USAGE.search(path.read_bytes())):
                return path, parse
    raise MachineError(
        f"The cgroup {cgroup} counts no CPU time here: there is neither cpuacct.usage nor usage_usec in cpu.stat. Give "
        "its directory, absolute or below /sys/fs/cgroup; /proc/PID/cgroup shows it."
    )


def _usage_ns(text: bytes) -> int:
    match = _USAGE.search(text)
    assert match
    return 1000 * int(match[1])
