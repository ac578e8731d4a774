"""Reads the kernel's counters of the machine, of networks and of processes."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.testbed.machine.cgroups import throttling_counts
from harness.testbed.machine.procfs import read_text
from harness.testbed.stack import Stack

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
INTERRUPTS_MAX_BYTES = 4096 - 256  # the kernel writes this file line by line: a page, and room to grow
RESCHEDULING = re.compile(r"^ *(?:RES|IPI0): +((?:\d+ +)+)[Rr]escheduling interrupts", re.MULTILINE)

TCP_SEGMENTS = {
    "Tcp.ActiveOpens": "active_opens",
    "Tcp.PassiveOpens": "passive_opens",
    "Tcp.InSegs": "segments_in",
    "Tcp.OutSegs": "segments_out",
    "Tcp.RetransSegs": "retransmits",
}
TCP_EVENTS = {
    "TcpExt.DelayedACKs": "delayed_acks",
    "TcpExt.TW": "time_wait",
    "TcpExt.ListenOverflows": "listen_overflows",
}
SWITCHES = {"voluntary_ctxt_switches": "voluntary", "nonvoluntary_ctxt_switches": "involuntary"}
MIGRATIONS = {"se.nr_migrations": "migrations"}
Parse = Callable[[str], Mapping[str, int]]
ThrottlingCounts = dict[str, dict[str, dict[str, int]]]  # as in `Record.throttled`


@dataclass(frozen=True, slots=True)
class CounterFile:
    """One file of counters, and how to read it.

    `parse` returns the counters by name; the prefix of the name is `owner`, as in "nginx.wait_ns". `unknown` is the
    sentence for a file that does not exist, or is longer than `max_bytes`: reading it between bursts must be fast.
    """

    path: Path
    owner: str
    parse: Parse
    unknown: str
    max_bytes: int = 1 << 16
    is_lasting: bool = True  # False: it may vanish, as a thread does, and then counts nothing more
    is_inherited: bool = False  # another source takes over its counts when it vanishes


def machine_sources(proc: Path) -> list[CounterFile]:
    """Return the sources of the whole machine."""
    interrupts = "Rescheduling interrupts are not known."
    return [
        CounterFile(proc / "interrupts", "host", rescheduling_interrupts, interrupts, INTERRUPTS_MAX_BYTES),
        CounterFile(proc / "softirqs", "host", net_rx_softirqs, "Network softirqs are not known."),
        CounterFile(proc / "pressure/cpu", "host", cpu_pressure, "How long tasks waited for a CPU (PSI) is not known."),
        CounterFile(proc / "stat", "host", stolen_time, "Stolen CPU time is not known."),
    ]


def rescheduling_interrupts(interrupts: str) -> dict[str, int]:
    """Return the sum over all CPUs of `RES:  6334  6934   Rescheduling interrupts`, or IPI0 on aarch64."""
    match = RESCHEDULING.search(interrupts)
    return {"rescheduling": sum(map(int, match[1].split()))} if match else {}


def net_rx_softirqs(softirqs: str) -> dict[str, int]:
    """Return the sum over all CPUs of `NET_RX:`."""
    line = next((line for line in softirqs.splitlines() if line.strip().startswith("NET_RX:")), None)
    return {"net_rx": sum(map(int, line.split()[1:]))} if line else {}


def cpu_pressure(psi: str) -> dict[str, int]:
    """Return the total of `some avg10=5.92 avg60=5.64 avg300=4.33 total=31045178`, in microseconds."""
    match = re.search(r"^some .*total=(\d+)", psi, re.MULTILINE)
    return {"pressure_us": int(match[1])} if match else {}


def stolen_time(stat: str) -> dict[str, int]:
    """Return the eighth number of the first line."""
    fields = stat.partition("\n")[0].split()
    return {"steal_us": int(fields[8]) * TICK_US} if len(fields) > 8 else {}


def network_sources(net: Path) -> list[CounterFile]:
    """Return the sources of the namespace of a process; `net` is its /proc/PID/net."""
    return [
        CounterFile(net / "snmp", "net", tcp_segments, "TCP connections and segments are not known."),
        CounterFile(net / "netstat", "net", tcp_events, "Delayed acknowledgements and TIME_WAIT are not known."),
        CounterFile(net / "dev", "net", loopback_packets, "Packets on the loopback interface are not known."),
    ]


def rung_sources(net: Path) -> list[CounterFile]:
    """Return the sources of a namespace that a rung adds, where all packets belong to one connection."""
    *tcp, _ = network_sources(net)
    return [*tcp, CounterFile(net / "dev", "net", rung_packets, "Packets on the rung's links are not known.")]


def tcp_segments(snmp: str) -> dict[str, int]:
    """Return opened connections, and segments in, out and retransmitted."""
    return select_counters(parse_net_table(snmp), TCP_SEGMENTS)


def tcp_events(netstat: str) -> dict[str, int]:
    """Return delayed acknowledgements, connections in TIME_WAIT and full accept queues."""
    return select_counters(parse_net_table(netstat), TCP_EVENTS)


def loopback_packets(dev: str) -> dict[str, int]:
    """Return the packets on lo, which receives what it sends."""
    by_interface = received_packets(dev)
    return {"lo_packets": by_interface["lo"]} if "lo" in by_interface else {}


def rung_packets(dev: str) -> dict[str, int]:
    """Return the packets on lo and on virtual links; each link and bridge that a packet enters counts it."""
    links = sum(count for name, count in received_packets(dev).items() if name != "lo")
    return loopback_packets(dev) | {"link_packets": links}


def received_packets(dev: str) -> dict[str, int]:
    """Return the received packets by interface, from lines `lo: bytes packets errs drop ...` below two header lines."""
    rows = (line.partition(":") for line in dev.splitlines() if "|" not in line)
    return {name.strip(): int(counts.split()[1]) for name, _, counts in rows if counts}


def process_sources(
    pids: Mapping[str, Sequence[int]], proc: Path, started: Mapping[str, Sequence[int]] | None = None
) -> list[CounterFile]:
    """Return the sources of processes by role; the client's come last, so that its counts include little reading.

    `started` are processes that servers have started: they may end.
    """
    roles = sorted(pids, key=lambda role: role == "client")
    others = [
        source
        for role, started_pids in (started or {}).items()
        for pid in started_pids
        for source in _process_sources(role, proc / str(pid), is_lasting=False)
    ]
    return [
        *others,
        *(source for role in roles for pid in pids[role] for source in _process_sources(role, proc / str(pid))),
    ]


def _process_sources(role: str, process: Path, *, is_lasting: bool = True) -> list[CounterFile]:
    """Return the sources of all threads; of the client only the first, which sends the requests."""
    main = process / "task" / process.name
    tasks = {main, *(process.glob("task/[0-9]*") if role != "client" else ())}
    return [
        source
        for task in sorted(tasks)
        for source in _task_sources(role, task, main=task == main, is_lasting=is_lasting)
    ]


def _task_sources(role: str, task: Path, *, main: bool, is_lasting: bool) -> list[CounterFile]:
    counts_children = main and role != "client"
    kinds: dict[str, tuple[Parse, str]] = {
        "stat": (
            cpu_times_with_children if counts_children else cpu_times,
            "User and system time of processes are not known.",
        ),
        "sched": (cpu_migrations, "Migrations between CPUs are not known."),
        "status": (context_switches, "Context context_switches are not known."),
        "schedstat": (wait_time, "The time that processes wait for a CPU is not known."),
    }
    is_inherited = not is_lasting and main  # to the process that waits for it
    return [
        CounterFile(
            task / name,
            role,
            parse,
            unknown,
            is_lasting=is_lasting and main,
            is_inherited=is_inherited and name == "stat",
        )
        for name, (parse, unknown) in kinds.items()
    ]


def wait_time(schedstat: str) -> dict[str, int]:
    """Return the second of `CPU-time-ns wait-ns timeslices`; all are 0 without CONFIG_SCHED_INFO."""
    fields = schedstat.split()
    return {"wait_ns": int(fields[1])} if len(fields) == 3 and fields != ["0", "0", "0"] else {}


def context_switches(status: str) -> dict[str, int]:
    """Return voluntary and involuntary context switches."""
    return select_counters(_fields(status), SWITCHES)


def cpu_migrations(sched: str) -> dict[str, int]:
    """Return the number in a line like `se.nr_migrations                             :                    3`."""
    return select_counters(_fields(sched), MIGRATIONS)


def cpu_times(stat: str) -> dict[str, int]:
    """Return user and system time, in steps of the clock tick: only the sum of many visits is exact."""
    fields = stat.rpartition(")")[2].split()
    return {"user_us": int(fields[11]) * TICK_US, "system_us": int(fields[12]) * TICK_US} if len(fields) > 12 else {}


def cpu_times_with_children(stat: str) -> dict[str, int]:
    """Return user and system time including those of ended children, which each thread of a process shows."""
    fields = stat.rpartition(")")[2].split()
    if len(fields) <= 14:
        return cpu_times(stat)
    user, system = (int(fields[index]) + int(fields[index + 2]) for index in (11, 12))
    return {"user_us": user * TICK_US, "system_us": system * TICK_US}


def _fields(text: str) -> dict[str, int]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): int(value) for name, _, value in pairs if value.strip().isdigit()}


def parse_net_table(text: str) -> dict[str, int]:
    """Parse /proc/net/snmp or netstat: `Tcp: InSegs` above `Tcp: 10` is {"Tcp.InSegs": 10}."""
    lines = [line.split() for line in text.splitlines()]
    return {
        f"{names[0].rstrip(':')}.{name}": int(value)
        for names, values in zip(lines[::2], lines[1::2], strict=False)
        for name, value in zip(names[1:], values[1:], strict=False)
    }


def select_counters(values: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    """Return the `values` that `names` maps from the kernel's names to ours."""
    return {name: values[kernel_name] for kernel_name, name in names.items() if kernel_name in values}


def watch_throttling(stacks: Sequence[Stack]) -> Callable[[], ThrottlingCounts]:
    """Return a function that returns the counts since now, of each stack whose servers have a quota."""
    limited = {stack.blueprint.arms[0].name: groups for stack in stacks if (groups := _limited_groups(stack))}
    before = _read_counts(limited)

    def count() -> ThrottlingCounts:
        after = _read_counts(limited)
        return {arm: {role: _growth(before[arm][role], after[arm][role]) for role in after[arm]} for arm in after}

    return count


def _limited_groups(stack: Stack) -> Mapping[str, Path]:
    enclosures = stack.blueprint.enclosures.items()
    return {server: enclosure.limited for server, enclosure in enclosures if enclosure.limited}


def _growth(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: value - before.get(name, 0) for name, value in after.items()}


def _read_counts(limited: Mapping[str, Mapping[str, Path]]) -> ThrottlingCounts:
    return {
        arm: {role: throttling_counts(read_text(group / "cpu.stat") or "") for role, group in groups.items()}
        for arm, groups in limited.items()
    }
