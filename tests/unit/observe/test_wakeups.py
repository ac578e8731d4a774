"""The scheduler's events are read from what `perf script` really writes; a request is followed back through them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.observe.sched_trace import Trace, read_trace
from harness.observe.wake_chain import INTERRUPT, KSOFTIRQD, PREEMPTED, STRANGER, UNKNOWN, Threads, arm_waiting

# perf 6.1 on Linux 6.18: a request of the client 28522 to nginx 28615 and its app 28617, beside other processes.
SCRIPT = """\
          python 28522/28522 [001]  2031.733995797: sched:sched_waking: comm=nginx pid=28615 prio=120 target_cpu=001
          python 28522/28522 [001]  2031.734008647: PERF_RECORD_SWITCH_CPU_WIDE OUT          next pid/tid: 28615/28615
           nginx 28615/28615 [001]  2031.734009708: PERF_RECORD_SWITCH_CPU_WIDE IN           prev pid/tid: 28522/28522
           nginx 28615/28615 [001]  2031.734038371: sched:sched_waking: comm=python pid=28617 prio=120 target_cpu=000
          python 28785/28785 [000]  2031.734058411: PERF_RECORD_SWITCH_CPU_WIDE OUT preempt  next pid/tid: 28617/28617
          python 28617/28617 [000]  2031.734059732: PERF_RECORD_SWITCH_CPU_WIDE IN           prev pid/tid: 28785/28785
           nginx 28615/28615 [001]  2031.734060865: PERF_RECORD_SWITCH_CPU_WIDE OUT          next pid/tid: 28443/28443
          python 28443/28443 [001]  2031.734062036: PERF_RECORD_SWITCH_CPU_WIDE IN           prev pid/tid: 28615/28615
          python 28617/28617 [000]  2031.734279260: sched:sched_waking: comm=nginx pid=28615 prio=120 target_cpu=001
          python 28443/28443 [001]  2031.734302455: PERF_RECORD_SWITCH_CPU_WIDE OUT preempt  next pid/tid: 28615/28615
           nginx 28615/28615 [001]  2031.734303767: PERF_RECORD_SWITCH_CPU_WIDE IN           prev pid/tid: 28443/28443
           nginx 28615/28615 [001]  2031.734331869: sched:sched_waking: comm=python pid=28522 prio=120 target_cpu=001
           nginx 28615/28615 [001]  2031.734345449: PERF_RECORD_SWITCH_CPU_WIDE OUT          next pid/tid: 28522/28522
          python 28522/28522 [001]  2031.734346511: PERF_RECORD_SWITCH_CPU_WIDE IN           prev pid/tid: 28615/28615
 kworker/1:1-vir 26771/26771 [001]  2031.734668651: sched:sched_waking: comm=tokio-rt-worker pid=67 prio=110 target_cpu=001
"""  # fmt: skip # noqa: E501
START_NS, END_NS = 2_031_733_978_041, 2_031_734_349_635
ROLES = {28522: "client", 28615: "nginx", 28617: "app"}
WAY = [  # from the end to the start, in ns
    (("cpu", "client", ""), 3_124),
    (("wake-up", "client", "nginx"), 14_642),
    (("cpu", "nginx", ""), 28_102),
    (("wake-up", "nginx", "app"), 24_507),
    (("cpu", "app", ""), 219_528),
    (("wake-up", "app", "nginx"), 21_361),
    (("cpu", "nginx", ""), 28_663),
    (("wake-up", "nginx", "client"), 13_911),
    (("cpu", "client", ""), 17_756),
]
LINES = SCRIPT.splitlines(keepends=True)


def threads_of(trace: Trace) -> Threads:
    return Threads(trace, ROLES, 28522)


def way(lines: list[str], start_ns: int = START_NS, end_ns: int = END_NS) -> list[tuple[object, float]]:
    segments = threads_of(read_trace(lines)).follow_back(start_ns, end_ns)
    return [(segment.part, segment.end_ns - segment.start_ns) for segment in segments]


def test_a_request_is_followed_back_from_thread_to_thread() -> None:
    assert way(LINES) == WAY


def test_plugins_of_perf_print_wake_ups_in_another_form() -> None:
    lines = [line.replace("comm=", "").replace(" pid=", ":").replace("prio=120", "[120]") for line in LINES]
    assert ": nginx:28615 [120] target_cpu=001" in lines[0]
    assert way([line.replace("target_cpu=", "CPU:") for line in lines]) == WAY


def test_what_is_no_event_is_skipped() -> None:
    noise = ["\n", "Processed 5 events and lost 1 chunks!\n", "swapper 0/0 [000] 1.000000001: sched:sched_waking: ?\n"]
    assert way([*noise, *LINES, "          python 28522/285"]) == WAY


@pytest.mark.parametrize("lost", range(len(LINES)))
def test_a_lost_event_costs_a_part_of_the_way_and_no_time(lost: int) -> None:
    parts = way([*LINES[:lost], *LINES[lost + 1 :]])
    assert sum(ns for _, ns in parts) == END_NS - START_NS
    assert all(ns >= 0 for _, ns in parts)


def test_without_the_wake_up_of_the_client_the_rest_is_not_followed() -> None:
    (_, running), (unknown, ns) = way([*LINES[:11], *LINES[12:]])
    assert unknown == ("other", UNKNOWN, "")
    assert running + ns == END_NS - START_NS


def test_a_trace_that_began_too_late_has_the_end_of_the_way() -> None:
    parts = way(LINES[11:])
    assert [part for part, _ in parts] == [WAY[0][0], WAY[1][0], ("cpu", "nginx", "")]
    assert sum(ns for _, ns in parts) == END_NS - START_NS


class Script:
    """Writes events like perf does; times in us."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str]] = []

    def add(self, thread: int, at_us: float, text: str, cpu: int) -> None:
        line = f" python {thread}/{thread} [{cpu:03}] 7.{round(1000 * at_us):09}: {text}\n"
        self.lines.append((at_us, line))

    def run(self, thread: int, start_us: float, end_us: float, *, preempt: bool = False) -> None:
        self.add(thread, start_us, "PERF_RECORD_SWITCH_CPU_WIDE IN  prev pid/tid: 9/9", thread)
        self.add(thread, end_us, f"PERF_RECORD_SWITCH_CPU_WIDE OUT {'preempt' * preempt} next", thread)

    def wake(self, waker: int, woken: int, at_us: float) -> None:
        self.add(waker, at_us, f"sched:sched_waking: comm=a b:c pid={woken} prio=120 target_cpu=000", waker)

    def way(self, end_us: float) -> list[tuple[tuple[str, str, str], float]]:
        lines = [line for _, line in sorted(self.lines, key=lambda entry: entry[0])]
        threads = Threads(read_trace(lines), {1: "client", 2: "nginx", 3: "app"}, 1)
        start_ns = 7 * 10**9
        segments = threads.follow_back(start_ns, start_ns + round(1000 * end_us))
        return [(segment.part, (segment.end_ns - segment.start_ns) / 1000) for segment in segments]


def test_a_thread_that_others_displace_is_ready_but_does_not_run() -> None:
    script = Script()
    script.run(1, 0, 5, preempt=True)
    script.run(1, 30, 50)
    assert script.way(40) == [
        (("cpu", "client", ""), 10),
        (("other", PREEMPTED, ""), 25),
        (("cpu", "client", ""), 5),
    ]


def test_an_interrupt_on_an_idle_cpu_is_the_work_of_the_thread_that_ran_last() -> None:
    script = Script()
    script.run(1, 0, 10)
    script.run(2, 1, 12)
    script.wake(0, 1, 20)
    script.run(1, 25, 40)
    parts = script.way(30)
    assert parts[:2] == [(("cpu", "client", ""), 5), (("wake-up", "client", INTERRUPT), 5)]
    assert parts[2:4] == [(("other", INTERRUPT, ""), 8), (("cpu", "nginx", ""), 11)]


@pytest.mark.parametrize(("command", "name"), [("ksoftirqd/1", KSOFTIRQD), ("dockerd", STRANGER)])
def test_a_thread_of_no_role_is_a_link_of_its_own(command: str, name: str) -> None:
    script = Script()
    script.run(1, 0, 10)
    script.wake(1, 77, 8)
    script.run(77, 12, 20)
    script.wake(77, 1, 18)
    script.run(1, 21, 40)
    script.lines = [(at_us, line.replace(" python 77/77", f" {command} 77/77")) for at_us, line in script.lines]
    assert script.way(30) == [
        (("cpu", "client", ""), 9),
        (("wake-up", "client", name), 3),
        (("other", name, ""), 6),
        (("wake-up", name, "client"), 4),
        (("cpu", "client", ""), 8),
    ]


def test_a_thread_that_is_woken_before_it_sleeps_runs_until_it_does() -> None:
    script = Script()
    script.run(2, 0, 10)
    script.run(1, 0, 9)
    script.wake(2, 1, 7)
    script.run(1, 12, 40)
    assert script.way(20)[:3] == [
        (("cpu", "client", ""), 8),
        (("wake-up", "client", "nginx"), 3),
        (("cpu", "client", ""), 2),
    ]


times_us = st.integers(1, 400).map(float)


@given(
    hops=st.lists(st.tuples(st.sampled_from([2, 3]), times_us, times_us), min_size=1, max_size=6),
    noise=st.lists(st.tuples(st.integers(50, 60), st.integers(0, 3000), times_us), max_size=5),
)
def test_known_latencies_are_found_whatever_else_runs(
    hops: list[tuple[int, float, float]], noise: list[tuple[int, int, float]]
) -> None:
    """Each hop: the thread that is woken, how long it takes to run, and how long it runs until it wakes the next."""
    script, names = Script(), {1: "client", 2: "nginx", 3: "app"}
    way_there = [hop for hop, before in zip(hops, [(1, 0, 0), *hops], strict=False) if hop[0] != before[0]]
    expected = [(("cpu", "client", ""), 5.0)]
    running, now_us = 1, 5.0
    script.run(1, 0, 5.5)
    for thread, latency_us, running_us in [*way_there, (1, 3.0, 4.0)]:
        script.wake(running, thread, now_us)
        script.run(thread, now_us + latency_us, now_us + latency_us + running_us + 0.5)
        expected += [(("wake-up", names[thread], names[running]), latency_us), (("cpu", names[thread], ""), running_us)]
        now_us, running = now_us + latency_us + running_us, thread
    for thread, start_us, running_us in noise:
        script.run(thread, start_us + 0.1, start_us + 0.1 + running_us)
    assert script.way(now_us) == expected[::-1]


def test_an_arm_has_means_of_typical_requests_and_percentiles_of_all() -> None:
    threads = threads_of(read_trace(LINES))
    slow = (START_NS - 1_000_000, END_NS - START_NS + 1_000_000)  # the same, and a millisecond before it
    waiting = arm_waiting("tcp", [[(START_NS, END_NS - START_NS)] * 3 + [slow], []], threads)
    assert waiting is not None
    assert (waiting.requests, waiting.incomplete) == (4, 0)
    assert waiting.request_us == 371.594
    assert [(link.waker, link.woken) for link in waiting.links] == [
        ("client", "nginx"), ("nginx", "app"), ("app", "nginx"), ("nginx", "client"),
    ]  # fmt: skip
    assert [link.us for link in waiting.links] == [13.911, 21.361, 24.507, 14.642]
    assert waiting.roles["nginx"].wakeup_median_us == waiting.roles["nginx"].wakeup_p99_us == 38.418
    assert waiting.roles["app"].off_cpu_us == pytest.approx(371.594 - (END_NS - 2_031_734_059_732) / 1000)
    parts_us = [link.us for link in waiting.links] + [role.path_us for role in waiting.roles.values()]
    assert sum(parts_us) + sum(waiting.other_us.values()) == pytest.approx(waiting.request_us)
    assert arm_waiting("tcp", [[]], threads) is None
