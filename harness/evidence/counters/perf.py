"""System calls and hardware events of processes, counted by `perf stat` without stopping them for it."""

import os
import re
import select
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, MachineError
from harness.lab.kernelfiles import read, read_int
from harness.lab.process import Running, Service, log_tail, running

ANSWER_S = 5.0
MOST_OUTPUT_BYTES = 64 << 20  # a line of 80 bytes for each event of each thread
ALL_CALLS = "raw_syscalls:sys_enter"
CALLS = "syscalls:sys_enter_"
# The telling ones: the kernel takes some 35 ms to let go of each. A wildcard, because aarch64 has epoll_pwait only.
WANTED = (
    "accept4", "close", "connect", "epoll_ctl", "epoll_*wait", "getsockopt", "recvfrom", "sendto", "socket", "writev",
)  # fmt: skip
HARDWARE = {"cycles": "cycles", "instructions": "instructions", "cache-misses": "cache_misses"}
CAP_SYS_ADMIN = 21
RIGHTS = "Run barehop as root with all its capabilities, or set kernel.perf_event_paranoid to -1 and mount tracefs."
UNSUPPORTED = "<not supported>"
MOUNTED = Path("/sys/kernel/tracing/events")
IN_OWN_MOUNTS = 'mount -t tracefs none /sys/kernel/tracing && exec "$@"'
INSTALL = "It is in the package linux-perf (Debian), linux-tools (Ubuntu) or perf (others)."

Pids = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Perf:
    """A `perf stat` that counts while it is told to."""

    running: Running
    control: int
    answers: int
    output: Path
    pids: Pids

    def enable(self) -> None:
        self._tell(b"enable\n")

    def disable(self) -> None:
        self._tell(b"disable\n")

    def ask_to_end(self) -> None:
        os.kill(self.running.main_pid(), signal.SIGINT)

    def counted(self) -> tuple[dict[str, int], tuple[str, ...]]:
        """Once it has ended: what each role did, by names like "nginx.syscalls", and what this machine cannot count."""
        self.running.wait(ANSWER_S)
        output = self._read()
        return counts(output, tasks_of(self.pids)), uncounted(output)

    def _read(self) -> str:
        with self.output.open("rb") as file:
            output = file.read(MOST_OUTPUT_BYTES + 1)
        if len(output) > MOST_OUTPUT_BYTES:
            raise MachineError(f"perf wrote more than {MOST_OUTPUT_BYTES} bytes. Count fewer threads.")
        return output.decode(errors="replace")

    def _tell(self, word: bytes) -> None:
        os.write(self.control, word)
        if not select.select([self.answers], [], [], ANSWER_S)[0]:
            self.running.check()
            raise MachineError(f"perf did not answer within {ANSWER_S:g} s.")
        os.read(self.answers, 64)


@contextmanager
def perf_stat(program: str, pids: Pids, directory: Path) -> Iterator[Perf]:
    """perf for every thread of `pids`. Where it may not or cannot count, `enable` raises HarnessError."""
    directory.mkdir(parents=True, exist_ok=True)
    control, answers, output = (directory / name for name in ("control", "answers", "counts.csv"))
    with ExitStack() as until_the_end:
        for path in (control, answers):
            path.unlink(missing_ok=True)
            os.mkfifo(path)
            until_the_end.callback(path.unlink)
        descriptors = [os.open(path, os.O_RDWR) for path in (control, answers)]
        for descriptor in descriptors:
            until_the_end.callback(os.close, descriptor)
        argv = perf_argv(program, tasks_of(pids), control, answers, output)
        service = Service(name="perf", argv=argv, log=directory / "perf.log", env={**os.environ, "LC_ALL": "C"})
        yield Perf(until_the_end.enter_context(running(service)), descriptors[0], descriptors[1], output, pids)


def perf_argv(program: str, tasks: Mapping[int, str], control: Path, answers: Path, output: Path) -> tuple[str, ...]:
    """perf's command line; as root without tracefs, in mounts of its own that have it and end with it."""
    events = ",".join([ALL_CALLS, *(f"{CALLS}{name}" for name in WANTED), *HARDWARE])
    perf = (
        program, "stat", "-x", ";", "--per-thread", "-D", "-1", f"--control=fifo:{control},{answers}",
        "-o", str(output), "-e", events, "-t", ",".join(map(str, tasks)),
    )  # fmt: skip
    if MOUNTED.exists() or os.geteuid() != 0:
        return perf
    return ("unshare", "--mount", "sh", "-c", IN_OWN_MOUNTS, "sh", *perf)


def tasks_of(pids: Pids) -> dict[int, str]:
    """The role of each thread."""
    tasks = ((path.name, role) for role, some in pids.items() for pid in some for path in _tasks(pid))
    return {int(name): role for name, role in tasks}


def _tasks(pid: int) -> Iterator[Path]:
    return Path(f"/proc/{pid}/task").glob("[0-9]*")


def counts(output: str, tasks: Mapping[int, str]) -> dict[str, int]:
    """From `nginx-123;4512;;syscalls:sys_enter_connect;...`, a line for each thread and event, to sums by role."""
    found: dict[str, int] = {}
    for line in output.splitlines():
        fields = line.split(";")
        task = re.search(r"-(\d+)$", fields[0])
        if task and int(task[1]) in tasks and len(fields) > 3 and fields[1].isdigit():
            name = f"{tasks[int(task[1])]}.{_event(fields[3])}"
            found[name] = found.get(name, 0) + int(fields[1])
    return found


def uncounted(output: str) -> tuple[str, ...]:
    """The events that perf says are not supported here."""
    lines = [line.split(";") for line in output.splitlines()]
    return tuple(dict.fromkeys(_event(line[3]) for line in lines if len(line) > 3 and line[1] == UNSUPPORTED))


def _event(name: str) -> str:
    """Our name for an event of perf's; on CPUs of unlike cores `cycles` is called `cpu_core/cycles/`."""
    name = re.sub(r"^\w+/(.+)/\w*$", r"\1", name)
    if name == ALL_CALLS:
        return "syscalls"
    if name.startswith(CALLS):
        return f"syscalls.{name.removeprefix(CALLS)}"
    return HARDWARE.get(name.partition(":")[0], name)


def may_count(proc: Path = Path("/proc")) -> bool:
    """Whether the kernel lets us count the system calls of other processes, and find tracefs or mount it ourselves."""
    paranoid = read_int(proc / "sys/kernel/perf_event_paranoid")
    if paranoid is not None and paranoid < 0 and MOUNTED.exists():
        return True
    found = re.search(r"^CapEff:\s+([0-9a-f]+)", read(proc / "self/status") or "", re.MULTILINE)
    return bool(found and int(found[1], 16) >> CAP_SYS_ADMIN & 1)


def why_not(error: HarnessError, directory: Path) -> str:
    """A sentence on why there are no system calls."""
    logs = [log for log in sorted(directory.glob("*/perf.log")) if log.stat().st_size]
    said = log_tail(logs[0], 3) if logs else str(error).partition(" Its log")[0]
    rights = "" if may_count() else f" {RIGHTS}"
    return f"System calls per request are not known: perf said {_one_line(said)!r}.{rights}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
