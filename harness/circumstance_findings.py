"""Judge the settings of a machine and the CPU time that others take: a finding for each subject, from data alone."""

from collections.abc import Iterator, Sequence

from harness.evidence.circumstances import Circumstances
from harness.evidence.gaps import Gaps
from harness.report.findings import Finding

FAST_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")  # read without a system call
DEEP_US = 50  # about a tenth of a request
LOST_PERCENT = 1.0
LONG_US = 10_000  # a whole time slice of the scheduler or the hypervisor


def circumstance_findings(state: Circumstances) -> Iterator[Finding]:
    """Yield the findings on the settings of the machine."""
    yield from _clock(state.clock)
    if state.timer_hz:
        yield Finding("timer", "ok", f"{state.timer_hz} ticks a second (CONFIG_HZ)")
    yield from _idle(state)
    yield from _huge_pages(state.huge_pages)
    yield from _services(state.services)


def gap_findings(gaps: Sequence[Gaps]) -> Iterator[Finding]:
    """Yield a finding for each CPU on the time that interrupts, processes or the hypervisor took."""
    for cpu in gaps:
        text = (
            f"CPU {cpu.cpu}: a {cpu.seconds:.1f} s busy loop lost {cpu.lost_percent:.2g} % of its time in {cpu.count} "
            f"gaps (longest {cpu.longest_us / 1000:.2g} ms)"
        )
        noisy = cpu.lost_percent > LOST_PERCENT or cpu.longest_us > LONG_US
        advice = (
            "Interrupts, other processes or the hypervisor took it: measure elsewhere, or for longer." if noisy else ""
        )
        yield Finding("gaps", "doubt" if noisy else "ok", text, advice)


def rights_finding(who: str, *, own_networks: bool) -> Finding:
    """Return which kernel settings user `who` may change here."""
    if not own_networks:
        text = f"runs as {who} without network namespaces: no TCP settings, no conntrack"
        advice = "Run as root, or allow user namespaces (sysctl user.max_user_namespaces); all else can be measured."
        return Finding("rights", "doubt", text, advice)
    if who == "root":
        return Finding("rights", "ok", "runs as root: all settings; host-wide settings need run --allow-global")
    text = f"runs as {who}: TCP settings in its own user namespace, no host-wide settings"
    return Finding("rights", "ok", text)


def tuning_finding(changes: Sequence[str], refused: dict[str, str]) -> Finding:
    """Return what barehop tune would change here, and what it cannot change."""
    cannot = f"; cannot set {', '.join(refused)}" if refused else ""
    if not changes:
        return Finding("tune", "ok", f"barehop tune would change nothing{cannot}")
    advice = "To measure on the tuned machine: barehop tune -- barehop run CONFIG. It restores everything."
    return Finding("tune", "doubt", f"barehop tune would set {', '.join(changes)}{cannot}", advice)


def _clock(name: str | None) -> Iterator[Finding]:
    if name is None:
        return
    if name in FAST_CLOCKS:
        yield Finding("clock", "ok", name)
    else:
        yield Finding("clock", "doubt", name, "Each reading is a system call or slower, in every timing program.")


def _idle(state: Circumstances) -> Iterator[Finding]:
    if state.idle_us:
        states = ", ".join(f"{name} {latency_us} us" for name, latency_us in state.idle_us.items())
        deep = max(state.idle_us.values()) > DEEP_US
        advice = "A request that wakes a CPU waits this long: barehop tune disables deep idle states." if deep else ""
        yield Finding("idle states", "doubt" if deep else "ok", f"wake-up latencies: {states}", advice)
    if state.halt_poll_ns == 0:
        advice = "Every wake-up may be an exit to the hypervisor: barehop tune enables polling if it may."
        yield Finding("halt polling", "doubt", "an idle CPU halts at once", advice)
    elif state.halt_poll_ns:
        yield Finding("halt polling", "ok", f"an idle CPU polls for work for up to {state.halt_poll_ns} ns")


def _huge_pages(mode: str | None) -> Iterator[Finding]:
    if mode == "always":
        yield Finding("huge pages", "doubt", mode, "The kernel may compact memory at any time: madvise is steadier.")
    elif mode:
        yield Finding("huge pages", "ok", mode)


def _services(names: Sequence[str]) -> Iterator[Finding]:
    if names:
        advice = "They move interrupts, change settings or filter packets: stop them for a bare baseline."
        yield Finding("services", "doubt", f"running: {', '.join(names)}", advice)
