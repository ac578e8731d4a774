"""Judges how a machine is set and how much of its CPUs is taken away: a finding for each subject, from data alone."""

from collections.abc import Iterator, Sequence

from harness.evidence.circumstances import Circumstances
from harness.evidence.gaps import Gaps
from harness.report.findings import Finding

QUICK_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")  # read without a system call
DEEP_US = 50  # about a tenth of a request
LOST_PERCENT = 1.0
LONG_US = 10_000  # a whole turn of the scheduler, or of the hypervisor


def circumstance_findings(seen: Circumstances) -> Iterator[Finding]:
    yield from _clock(seen.clock)
    if seen.timer_hz:
        yield Finding("timer", "ok", f"{seen.timer_hz} ticks a second (CONFIG_HZ)")
    yield from _idle(seen)
    yield from _huge_pages(seen.huge_pages)
    yield from _services(seen.services)


def gap_findings(gaps: Sequence[Gaps]) -> Iterator[Finding]:
    """One for each CPU."""
    for each in gaps:
        seen = (
            f"CPU {each.cpu}: {each.lost_percent:.2g} % taken from a loop of {each.seconds:.1f} s, in {each.count} "
            f"gaps, the longest {each.longest_us / 1000:.2g} ms"
        )
        loud = each.lost_percent > LOST_PERCENT or each.longest_us > LONG_US
        advice = (
            "Interrupts, other processes or the hypervisor took it: measure elsewhere, or for longer." if loud else ""
        )
        yield Finding("gaps", "doubt" if loud else "ok", seen, advice)


def rights_finding(who: str, *, own_networks: bool) -> Finding:
    """What `who` runs here may do to the kernel's settings."""
    if not own_networks:
        seen = f"runs as {who}, to whom this kernel gives no network of its own: no settings of TCP, no conntrack"
        advice = "Run as root, or allow user namespaces (sysctl user.max_user_namespaces); all else can be measured."
        return Finding("rights", "doubt", seen, advice)
    if who == "root":
        return Finding(
            "rights", "ok", "runs as root: every setting, those of the whole machine with run --allow-global"
        )
    seen = f"runs as {who}: settings of TCP in a user namespace of its own, none of the whole machine"
    return Finding("rights", "ok", seen)


def tuning_finding(changes: Sequence[str], refused: dict[str, str]) -> Finding:
    """What barehop tune would change here, and what it could not."""
    cannot = f"; cannot set {', '.join(refused)}" if refused else ""
    if not changes:
        return Finding("tune", "ok", f"barehop tune would change nothing{cannot}")
    advice = "Measure so: barehop tune -- barehop run CONFIG. It puts everything back."
    return Finding("tune", "doubt", f"barehop tune would set {', '.join(changes)}{cannot}", advice)


def _clock(name: str | None) -> Iterator[Finding]:
    if name is None:
        return
    if name in QUICK_CLOCKS:
        yield Finding("clock", "ok", name)
    else:
        yield Finding("clock", "doubt", name, "Reading it is a system call, or slower: every timing program pays.")


def _idle(seen: Circumstances) -> Iterator[Finding]:
    if seen.idle_us:
        states = ", ".join(f"{name} {latency_us} us" for name, latency_us in seen.idle_us.items())
        deep = max(seen.idle_us.values()) > DEEP_US
        advice = "A request that wakes a CPU waits for that: barehop tune keeps CPUs from such sleep." if deep else ""
        yield Finding("idle states", "doubt" if deep else "ok", f"to wake up takes: {states}", advice)
    if seen.halt_poll_ns == 0:
        advice = "Every wake-up may be an exit to the hypervisor: barehop tune changes that where it may."
        yield Finding("halt polling", "doubt", "a CPU without work halts at once", advice)
    elif seen.halt_poll_ns:
        yield Finding("halt polling", "ok", f"a CPU without work looks for some for up to {seen.halt_poll_ns} ns")


def _huge_pages(mode: str | None) -> Iterator[Finding]:
    if mode == "always":
        yield Finding("huge pages", "doubt", mode, "Memory is moved about at any time: madvise is steadier.")
    elif mode:
        yield Finding("huge pages", "ok", mode)


def _services(names: Sequence[str]) -> Iterator[Finding]:
    if names:
        advice = "They move interrupts, change settings or filter packets: a bare baseline has none of them."
        yield Finding("services", "doubt", f"running: {', '.join(names)}", advice)
