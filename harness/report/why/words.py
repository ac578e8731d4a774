"""Names of counters, and amounts per request as text."""

from harness.model import Amount
from harness.report.wording import amount_of, signed, us_with_interval

COUNTERS = {
    "hop.active_opens": "TCP connections opened on the hop",
    "hop.passive_opens": "TCP connections accepted on the hop",
    "net.active_opens": "TCP connections opened, client included",
    "net.passive_opens": "TCP connections accepted, client included",
    "net.segments_in": "TCP segments received",
    "net.segments_out": "TCP segments sent",
    "net.retransmits": "TCP segments retransmitted",
    "net.delayed_acks": "delayed acknowledgements",
    "net.time_wait": "connections in TIME_WAIT",
    "net.listen_overflows": "listen queue overflows",
    "net.lo_packets": "packets on the loopback interface",
    "net.link_packets": "packets on the rung's links and bridge",
    "host.net_rx": "network softirqs",
    "host.rescheduling": "rescheduling interrupts",
    "host.steal_us": "stolen CPU time, us",
    "host.pressure_us": "tasks waiting for a CPU (PSI), us",
}
OF_ROLE = {
    "cpu_us": "CPU time, us",
    "wait_us": "waiting for a CPU, us",
    "user_us": "user time, us",
    "system_us": "system time, us",
    "voluntary": "voluntary switches",
    "involuntary": "involuntary switches",
    "migrations": "migrations",
    "syscalls": "system calls",
    "cycles": "CPU cycles",
    "instructions": "instructions",
    "cache_misses": "cache misses",
}


def counter_name(name: str) -> str:
    """Return `nginx: waiting for a CPU, us` or `app: recvfrom()`."""
    role, _, what = name.partition(".")
    if name in COUNTERS:
        return COUNTERS[name]
    return f"{role}: {OF_ROLE.get(what) or what.removeprefix('syscalls.') + '()'}"


def us(amount: Amount) -> str:
    """Return `-13 us (-16 to -10)`, without an interval `-13 us`."""
    interval = amount_of(amount)
    return us_with_interval(interval) if interval else f"{signed(amount.value, 0)} us"


def level(amount: Amount) -> str:
    """Return `70 us (67 to 72)`, for an amount that is not a difference."""
    return us(amount).replace("+", "")


def rate(value: float) -> str:
    """Return events or microseconds per request: `20.1`, `0.003`."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    text = f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return text if float(text) or not value else f"{value:.4f}"
