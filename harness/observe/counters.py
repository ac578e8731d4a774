"""Reads the kernel's counters between bursts: as bytes while measuring, and as numbers afterwards."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.model import CounterSnapshot
from harness.testbed.machine.cgroups import throttling_counts
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, read_text
from harness.testbed.network.namespace import HOST_NETWORK, NetworkNamespace
from harness.testbed.stack.stack import Stack

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
CHUNK_BYTES = 1 << 16
# Reading between bursts must be fast. The kernel writes `interrupts` line by line: a page, without room to grow.
MAX_BYTES = {"interrupts": 4096 - 256}

Parse = Callable[[str], Mapping[str, int]]
NetworkFile = tuple[str, Parse, str]  # of /proc/PID/net, how to read it, and the sentence where it cannot be read
ThrottlingCounts = dict[str, dict[str, dict[str, int]]]  # as in `Record.throttled`


def parser(unit: int = 1, **patterns: str) -> Parse:
    """Return a function that parses counters: `unit` times the sum of the numbers in the groups of each pattern."""
    compiled = {name: re.compile(pattern, re.MULTILINE) for name, pattern in patterns.items()}

    def parse(text: str) -> dict[str, int]:
        matches = {name: pattern.search(text) for name, pattern in compiled.items()}
        numbers = {name: " ".join(match.groups()).split() for name, match in matches.items() if match}
        return {name: unit * sum(map(int, words)) for name, words in numbers.items()}

    return parse


# Sums over all CPUs; the line of interrupts is called IPI0 on aarch64.
rescheduling_interrupts = parser(rescheduling=r"^ *(?:RES|IPI0): +((?:\d+ +)+)[Rr]escheduling interrupts")
net_rx_softirqs = parser(net_rx=r"^ *NET_RX:((?: +\d+)+)")
cpu_pressure = parser(pressure_us=r"^some .*total=(\d+)")
stolen_time = parser(TICK_US, steal_us=r"\Acpu +(?:\d+ +){7}(\d+)")
# Processes and threads. The name in /proc/PID/stat may contain brackets and spaces, but not so many numbers. Times are
# in steps of the clock tick: only the sum of many visits is exact. All of schedstat is 0 without CONFIG_SCHED_INFO.
cpu_times = parser(TICK_US, user_us=r"\) \S (?:-?\d+ ){10}(\d+)", system_us=r"\) \S (?:-?\d+ ){11}(\d+)")
cpu_times_with_children = parser(
    TICK_US,
    user_us=r"\) \S (?:-?\d+ ){10}(\d+) \d+ (\d+)",
    system_us=r"\) \S (?:-?\d+ ){11}(\d+) \d+ (\d+)",
)
cpu_migrations = parser(migrations=r"^se\.nr_migrations\s*:\s*(\d+)$")
context_switches = parser(
    voluntary=r"^voluntary_ctxt_switches:\s*(\d+)", involuntary=r"^nonvoluntary_ctxt_switches:\s*(\d+)"
)
wait_time = parser(wait_ns=r"\A(?!0 0 0$)\d+ (\d+) \d+$")
loopback_packets = parser(lo_bytes=r"^ *lo: *(\d+)", lo_packets=r"^ *lo: *\d+ +(\d+)")  # lo receives what it sends
ip6_packets = parser(ip6_packets=r"^Ip6InReceives\s+(\d+)")


def parse_net_table(text: str) -> dict[str, int]:
    """Parse /proc/net/snmp or netstat: `Tcp: InSegs` above `Tcp: 10` is {"Tcp.InSegs": 10}."""
    lines = [line.split() for line in text.splitlines()]
    return {
        f"{names[0].rstrip(':')}.{name}": int(value)
        for names, values in zip(lines[::2], lines[1::2], strict=False)
        for name, value in zip(names[1:], values[1:], strict=False)
    }


def net_table_parser(**kernel_names: str) -> Parse:
    """Return a function that parses the counters of a table that are there."""

    def parse(text: str) -> dict[str, int]:
        table = parse_net_table(text)
        return {name: table[of_kernel] for name, of_kernel in kernel_names.items() if of_kernel in table}

    return parse


tcp_segments = net_table_parser(
    active_opens="Tcp.ActiveOpens",
    passive_opens="Tcp.PassiveOpens",
    segments_in="Tcp.InSegs",
    segments_out="Tcp.OutSegs",
    retransmits="Tcp.RetransSegs",
)
tcp_events = net_table_parser(
    delayed_acks="TcpExt.DelayedACKs", time_wait="TcpExt.TW", listen_overflows="TcpExt.ListenOverflows"
)

mptcp_handshakes = net_table_parser(mptcp_syns="MPTcpExt.MPCapableSYNRX", mptcp_acks="MPTcpExt.MPCapableACKRX")


def rung_packets(dev: str) -> dict[str, int]:
    """Return the packets on lo and on virtual links; each link and bridge that a packet enters counts it."""
    links = sum(count for name, count in received_packets(dev).items() if name != "lo")
    return {**loopback_packets(dev), "link_packets": links}


def received_packets(dev: str) -> dict[str, int]:
    """Return the received packets by interface, from lines `lo: bytes packets errs drop ...` below two header lines."""
    rows = (line.partition(":") for line in dev.splitlines() if "|" not in line)
    return {name.strip(): int(counts.split()[1]) for name, _, counts in rows if counts}


# Files, how to read them, and the sentence for a file that does not exist or is too long.
MACHINE_FILES = (
    ("interrupts", rescheduling_interrupts, "Rescheduling interrupts are not known."),
    ("softirqs", net_rx_softirqs, "Network softirqs are not known."),
    ("pressure/cpu", cpu_pressure, "How long tasks waited for a CPU (PSI) is not known."),
    ("stat", stolen_time, "Stolen CPU time is not known."),
)
NETWORK_FILES = (
    ("snmp", tcp_segments, "TCP connections and segments are not known."),
    ("netstat", tcp_events, "Delayed acknowledgements and TIME_WAIT are not known."),
)
# Read only where an arm uses them.
MPTCP_FILE: NetworkFile = ("netstat", mptcp_handshakes, "Connections over Multipath TCP are not known.")
IPV6_FILE: NetworkFile = ("snmp6", ip6_packets, "IPv6 packets are not known.")
LOOPBACK_FILE = ("dev", loopback_packets, "Packets on the loopback interface are not known.")
RUNG_FILE = ("dev", rung_packets, "Packets on the rung's links are not known.")
TASK_FILES = (
    ("stat", cpu_times, "User and system time of processes are not known."),
    ("sched", cpu_migrations, "Migrations between CPUs are not known."),
    ("status", context_switches, "Context switches are not known."),
    ("schedstat", wait_time, "The time that processes wait for a CPU is not known."),
)


@dataclass(frozen=True, slots=True)
class CounterFile:
    """One file of counters; their names begin with `owner`, as in "nginx.wait_ns"."""

    path: Path
    owner: str
    parse: Parse
    unknown: str
    network: NetworkNamespace = HOST_NETWORK  # in which to open the file
    is_lasting: bool = True  # False: it may vanish, as a thread does, and then counts nothing more
    is_inherited: bool = False  # another file takes over its counts when it vanishes

    def problem(self, text: bytes) -> str | None:
        """Return why the file, with this `text`, counts nothing."""
        path = _generic_path(self.path)
        if len(text) > MAX_BYTES.get(self.path.name, CHUNK_BYTES):
            return f"{self.unknown} {path} is too long to be read so often: {len(text)} bytes."
        if self.is_lasting and not self.parse(text.decode(errors="replace")):
            return f"{self.unknown} {path} does not count it on this kernel."
        return None


def _generic_path(path: Path) -> str:
    """Return /proc/N/task/N/sched for /proc/123/task/123/sched: one sentence for all processes."""
    return "/" + "/".join("N" if part.isdigit() else part for part in path.parts[1:])


def _network_files(
    pids: Mapping[str, Sequence[int]], proc: Path, networks: Sequence[NetworkNamespace], also: Sequence[NetworkFile]
) -> Iterator[CounterFile]:
    """Yield the files of each namespace, by default that of a server; those after the first are added by a rung."""
    servers = [pid for role, role_pids in pids.items() if role != "client" for pid in role_pids]
    places = [(proc / "thread-self/net", network) for network in networks]
    places = places or [(proc / f"{pid}/net", HOST_NETWORK) for pid in servers[:1]]
    for number, (net, network) in enumerate(places):
        for name, parse, unknown in (*NETWORK_FILES, RUNG_FILE if number else LOOPBACK_FILE, *also):
            yield CounterFile(net / name, "net", parse, unknown, network)


def _process_files(role: str, process: Path, *, is_lasting: bool) -> Iterator[CounterFile]:
    """Yield the files of all threads; of the client only those of the first, which sends the requests."""
    main = process / "task" / process.name
    for task in sorted({main, *(process.glob("task/[0-9]*") if role != "client" else ())}):
        for name, parse, unknown in TASK_FILES:
            counts_children = (name, task) == ("stat", main) and role != "client"  # each thread shows the same
            yield CounterFile(
                task / name,
                role,
                cpu_times_with_children if counts_children else parse,
                unknown,
                is_lasting=is_lasting and task == main,
                is_inherited=not is_lasting and (name, task) == ("stat", main),  # by the process that waits for it
            )


def _all_files(
    pids: Mapping[str, Sequence[int]],
    proc: Path,
    networks: Sequence[NetworkNamespace],
    started: Mapping[str, Sequence[int]],
    also: Sequence[NetworkFile],
) -> Iterator[CounterFile]:
    """Yield every file to read; the client's come last, so that its counts include little reading."""
    yield from (CounterFile(proc / name, "host", parse, unknown) for name, parse, unknown in MACHINE_FILES)
    yield from _network_files(pids, proc, networks, also)
    for role, role_pids in started.items():
        for pid in role_pids:
            yield from _process_files(role, proc / str(pid), is_lasting=False)
    for role in sorted(pids, key=lambda role: role == "client"):
        for pid in pids[role]:
            yield from _process_files(role, proc / str(pid), is_lasting=True)


@dataclass(frozen=True, slots=True)
class CounterReader:
    """Counter files that stay open, and a sentence for each counter that is missing, with the reason."""

    sources: tuple[CounterFile, ...]
    descriptors: tuple[int, ...]
    uncounted: tuple[str, ...]

    def read_before(self) -> CounterSnapshot:
        """Read every file, the client's last. Raise OSError when a process has ended; a thread may end."""
        return tuple(map(_read, self.descriptors, self.sources))

    def read_after(self) -> CounterSnapshot:
        """Read every file in the opposite order, so that the client's counts do not include the reading."""
        return tuple(map(_read, reversed(self.descriptors), reversed(self.sources)))[::-1]

    def growth(self, before: CounterSnapshot, after: CounterSnapshot) -> dict[str, int]:
        """Return the growth of each counter, summed over all files that have it."""
        growth: dict[str, int] = {}
        for source, old, new in zip(self.sources, before, after, strict=True):
            if not new and not (old and source.is_inherited):
                continue  # a thread that has ended
            first, last = source.parse(old.decode(errors="replace")), source.parse(new.decode(errors="replace"))
            for name in last or first:
                counter = f"{source.owner}.{name}"
                growth[counter] = growth.get(counter, 0) + last.get(name, 0) - first.get(name, 0)
        return growth


def _read(descriptor: int, source: CounterFile) -> bytes:
    try:
        return os.pread(descriptor, CHUNK_BYTES, 0)
    except ProcessLookupError:
        if source.is_lasting:
            raise
        return b""


@contextmanager
def open_counters(
    pids: Mapping[str, Sequence[int]],
    roots: Roots = HOST_ROOTS,
    networks: Sequence[NetworkNamespace] = (),
    started: Mapping[str, Sequence[int]] | None = None,
    also: Sequence[NetworkFile] = (),
) -> Iterator[CounterReader]:
    """Open the counters of the machine, of processes by role, and of processes `started` by them, which may end.

    `also`: files of each network beside the usual ones.
    """
    with ExitStack() as exit_stack:
        opened: list[tuple[CounterFile, int]] = []
        problems: list[str] = []
        for source in _all_files(pids, roots.proc, networks, started or {}, also):
            try:
                with source.network.enter():  # an open file stays that of the namespace it was opened in
                    descriptor = os.open(source.path, os.O_RDONLY)
                exit_stack.callback(os.close, descriptor)
                text = _read_whole(descriptor)
            except OSError as error:  # PSI that is switched off can be opened and not read
                if source.is_lasting:
                    problems.append(f"{source.unknown} {_generic_path(source.path)} cannot be read: {error.strerror}.")
                continue
            if problem := source.problem(text):
                problems.append(problem)
            else:
                opened.append((source, descriptor))
        sources, descriptors = zip(*opened, strict=True) if opened else ((), ())
        yield CounterReader(sources, descriptors, tuple(dict.fromkeys(problems)))


def _read_whole(descriptor: int) -> bytes:
    """Read all chunks: files of /proc have no size until they are read."""
    text = b""
    while chunk := os.pread(descriptor, CHUNK_BYTES, len(text)):
        text += chunk
    return text


def uncounted_by(counter_readers: Mapping[str, CounterReader]) -> tuple[str, ...]:
    """Return the sentences of all readers on missing counters, without repetitions."""
    return tuple(dict.fromkeys(sentence for reader in counter_readers.values() for sentence in reader.uncounted))


def watch_throttling(stacks: Sequence[Stack]) -> Callable[[], ThrottlingCounts]:
    """Return a function that returns the counts since now, of each stack whose servers have a quota."""
    before = _throttling(stacks)

    def count() -> ThrottlingCounts:
        return {
            arm: {
                role: {name: value - before[arm][role].get(name, 0) for name, value in counts.items()}
                for role, counts in roles.items()
            }
            for arm, roles in _throttling(stacks).items()
        }

    return count


def _throttling(stacks: Sequence[Stack]) -> ThrottlingCounts:
    by_arm = {
        stack.blueprint.arms[0].name: {
            server: throttling_counts(read_text(enclosure.limited / "cpu.stat") or "")
            for server, enclosure in stack.enclosures.items()
            if enclosure.limited
        }
        for stack in stacks
    }
    return {arm: counts for arm, counts in by_arm.items() if counts}
