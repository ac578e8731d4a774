"""Counters are read from what kernels really write."""

import os

import pytest

from harness.observe.counters import (
    context_switches,
    cpu_migrations,
    cpu_pressure,
    cpu_times,
    ip6_packets,
    loopback_packets,
    mptcp_handshakes,
    net_rx_softirqs,
    received_packets,
    rescheduling_interrupts,
    rung_packets,
    stolen_time,
    tcp_events,
    tcp_segments,
    wait_time,
)
from harness.observe.events import count_problem
from harness.observe.perf import fitting_requests, parse_counts, unsupported_events

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")

STAT = (
    "4242 (nginx: (odd) w) S 4241 4241 4241 0 -1 4194624 312 0 0 0 17 23 0 0 20 0 1 0 812345 "
    "11489280 1543 18446744073709551615 1 1 0 0 0 0 0 1073745920 402745863 0 0 0 17 1 0 0 0 0 0\n"
)
STATUS = "Name:\tnginx\nState:\tS (sleeping)\nvoluntary_ctxt_switches:\t4711\nnonvoluntary_ctxt_switches:\t12\n"
SCHED = """nginx (4242, #threads: 1)
-------------------------------------------------------------------
se.exec_start                                :      10061841.386273
se.nr_migrations                             :                    3
nr_switches                                  :                 4723
"""
SNMP = """Ip: Forwarding DefaultTTL InReceives
Ip: 2 64 1547
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails InSegs OutSegs RetransSegs
Tcp: 1 200 120000 -1 501 502 3 9001 9002 7
"""
NETSTAT = """TcpExt: SyncookiesSent TW DelayedACKs ListenOverflows ListenDrops
TcpExt: 0 499 41 2 2
"""
DEV = """Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame comp|bytes    packets errs drop fifo colls
    lo: 8012345   16021    0    0    0     0    0 8012345   16021    0    0    0     0
  eth0:   12345      21    0    0    0     0    0    2345      11    0    0    0     0
"""
SOFTIRQS = """                    CPU0       CPU1
          HI:          0          1
      NET_RX:    1547564    6187471
       BLOCK:         12          0
"""
INTERRUPTS_X86 = """           CPU0       CPU1
LOC:    9711684    9935473   Local timer interrupts
RES:       6334       6934   Rescheduling interrupts
CAL:     711684     935473   Function call interrupts
"""
INTERRUPTS_ARM = """           CPU0       CPU1
 11:    1234567    2345678     GICv3  27 Level     arch_timer
IPI0:       100        200       Rescheduling interrupts
IPI1:         1          2       Function call interrupts
"""
PRESSURE = "some avg10=5.92 avg60=5.64 avg300=4.33 total=31045178\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
MACHINE_STAT = "cpu  1000 10 500 90000 20 0 30 44 0 0\ncpu0 500 5 250 45000 10 0 15 22 0 0\n"
PERF = """# started on Tue Nov 24 14:10:00 2026

nginx-4242;4600;;raw_syscalls:sys_enter;101122;100.00;;
nginx-4242;200;;raw_syscalls:sys_enter;101122;100.00;;
gunicorn: worke-4300;3800;;raw_syscalls:sys_enter;99000;100.00;;
gunicorn: worke-4300;<not counted>;;raw_syscalls:sys_enter;0;100.00;;
nginx-4242;<not supported>;;cycles;0;100.00;;
gunicorn: worke-4300;991122;;instructions:u;99000;100.00;;
somebody-77;5;;raw_syscalls:sys_enter;99000;100.00;;
"""
PERF_OWN = """# started on Mon Nov 30 03:46:02 2026

bash-12537;1;;context-switches;41673;100.00;;
sleep-12543;<not counted>;;context-switches;0;100.00;;
bash-12537;7;;skb:consume_skb;41673;100.00;;
sleep-12543;<not counted>;;skb:consume_skb;0;100.00;;
bash-12537;3;;raw_syscalls:sys_enter;41673;100.00;;
sleep-12543;<not counted>;;raw_syscalls:sys_enter;0;100.00;;
bash-12537;25;;raw_syscalls:sys_enter;41673;100.00;;
sleep-12543;<not counted>;;raw_syscalls:sys_enter;0;100.00;;
bash-12537;2;;raw_syscalls:sys_enter;41673;100.00;;
sleep-12543;<not counted>;;raw_syscalls:sys_enter;0;100.00;;
bash-12537;<not supported>;;cycles;0;100.00;;
sleep-12543;<not supported>;;cycles;0;100.00;;
"""
PERF_MACHINE = """CPU0;1108;;context-switches;291217205;100.00;;
CPU1;4849;;context-switches;290309538;100.00;;
CPU0;1057;;skb:consume_skb;291217535;100.00;;
CPU1;1899;;skb:consume_skb;290308927;100.00;;
CPU0;<not supported>;;cycles;0;100.00;;
CPU1;<not supported>;;cycles;0;100.00;;
"""


def test_the_split_of_cpu_time_is_read_behind_a_name_with_brackets() -> None:
    assert cpu_times(STAT) == {"user_us": 17 * TICK_US, "system_us": 23 * TICK_US}


def test_switches_and_migrations_of_a_thread() -> None:
    assert context_switches(STATUS) == {"voluntary": 4711, "involuntary": 12}
    assert cpu_migrations(SCHED) == {"migrations": 3}


@pytest.mark.parametrize("schedstat", ["0 0 0\n", "", "12 34\n"])
def test_a_kernel_that_does_not_count_waiting_gives_none_rather_than_zero(schedstat: str) -> None:
    assert wait_time(schedstat) == {}


def test_waiting_is_the_second_number_of_schedstat() -> None:
    assert wait_time("123456789 98765 4321\n") == {"wait_ns": 98765}


def test_connections_segments_and_what_went_wrong() -> None:
    assert tcp_segments(SNMP) == {
        "active_opens": 501,
        "passive_opens": 502,
        "segments_in": 9001,
        "segments_out": 9002,
        "retransmits": 7,
    }
    assert tcp_events(NETSTAT) == {"time_wait": 499, "delayed_acks": 41, "listen_overflows": 2}
    assert loopback_packets(DEV) == {"lo_bytes": 8012345, "lo_packets": 16021}
    assert rung_packets(DEV) == {"lo_bytes": 8012345, "lo_packets": 16021, "link_packets": 21}


def test_ipv6_packets_are_those_received() -> None:
    text = "Ip6InReceives                   \t70\nIp6OutRequests                  \t71\nIcmp6InMsgs       \t5\n"
    assert ip6_packets(text) == {"ip6_packets": 70}


@pytest.mark.parametrize(("text", "total"), [(INTERRUPTS_X86, 13268), (INTERRUPTS_ARM, 300)])
def test_rescheduling_interrupts_are_found_on_both_architectures(text: str, total: int) -> None:
    assert rescheduling_interrupts(text) == {"rescheduling": total}


def test_multipath_tcp_counts_handshakes_of_its_own_only() -> None:
    text = f"{NETSTAT}MPTcpExt: MPCapableSYNRX MPCapableSYNTX MPCapableACKRX MPCapableFallbackACK\nMPTcpExt: 7 8 6 1\n"
    assert mptcp_handshakes(text) == {"mptcp_syns": 7, "mptcp_acks": 6}
    assert mptcp_handshakes(NETSTAT) == {}


def test_softirqs_pressure_and_stolen_time_of_the_machine() -> None:
    assert net_rx_softirqs(SOFTIRQS) == {"net_rx": 7735035}
    assert cpu_pressure(PRESSURE) == {"pressure_us": 31045178}
    assert stolen_time(MACHINE_STAT) == {"steal_us": 44 * TICK_US}


@pytest.mark.parametrize(
    "parse",
    [
        cpu_times,
        context_switches,
        cpu_migrations,
        wait_time,
        tcp_segments,
        tcp_events,
        ip6_packets,
        loopback_packets,
        received_packets,
        rescheduling_interrupts,
        net_rx_softirqs,
        cpu_pressure,
        stolen_time,
    ],
)
def test_a_file_that_says_nothing_counts_nothing(parse: object) -> None:
    assert callable(parse)
    assert parse("") == {}


def test_what_perf_counts_goes_to_roles_and_what_it_cannot_count_is_left_out() -> None:
    assert parse_counts(PERF, {4242: "nginx", 4300: "app"}, ["connect"]) == {
        "nginx.syscalls": 4600,
        "nginx.syscalls.connect": 200,
        "app.syscalls": 3800,
        "app.instructions": 991122,
    }


def test_events_of_the_experiment_come_first_and_keep_their_names_even_where_they_are_system_calls() -> None:
    counters = ["switches", "freed", "calls"]
    assert parse_counts(PERF_OWN, {12537: "nginx", 12543: "app"}, ["connect"], counters) == {
        "nginx.counters.switches": 1,
        "nginx.counters.freed": 7,
        "nginx.counters.calls": 3,
        "nginx.syscalls": 25,
        "nginx.syscalls.connect": 2,
    }


def test_events_of_the_whole_machine_are_sums_over_its_cpus() -> None:
    assert parse_counts(PERF_MACHINE, {}, (), ["switches", "freed", "cycles"]) == {
        "host.counters.switches": 1108 + 4849,
        "host.counters.freed": 1057 + 1899,
    }


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("0;;context-switches;549162;100.00;0.000;/sec", ""),
        ("<not supported>;;cycles;0;100.00;;", "this machine does not support it; virtual machines often"),
        ("0.53;msec;task-clock;527396;100.00;0.429;CPUs utilized", "it is measured in msec, and a counter is a number"),
        (
            "7;;cpu_core/cycles/;1;100.00;;\n9;;cpu_atom/cycles/;1;100.00;;",
            "counts 2 events by this name (cpu_core/cycles/,",
        ),
        ("", "perf counts 0 events by this name"),
    ],
)
def test_an_event_is_counted_if_perf_gives_one_number_without_a_unit(lines: str, problem: str) -> None:
    text = count_problem([line.split(";") for line in lines.splitlines()])
    assert problem in text
    assert bool(text) == bool(problem)


def test_what_perf_does_not_support_is_named() -> None:
    assert unsupported_events(PERF) == ("cycles",)


def test_hybrid_cpus_name_their_events_otherwise() -> None:
    line = "nginx-4242;77;;cpu_core/cycles/;1;100.00;;"
    assert parse_counts(line, {4242: "nginx"}) == {"nginx.cycles": 77}


@pytest.mark.parametrize(("request_s", "requests"), [(0.0, 100), (0.0004, 100), (0.01, 50), (0.1, 5), (20.0, 5)])
def test_slow_requests_are_fewer_under_perf(request_s: float, requests: int) -> None:
    assert fitting_requests(0.5, request_s) == requests
