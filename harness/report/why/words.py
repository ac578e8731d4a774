"""Names of counters and amounts in words."""

from harness.model import Amount
from harness.report.wording import decimals, signed

COUNTERS = {
    "hop.active_opens": "TCP connections opened on the hop",
    "hop.passive_opens": "TCP connections accepted on the hop",
    "net.active_opens": "TCP connections opened, client's too",
    "net.passive_opens": "TCP connections accepted, client's too",
    "net.segments_in": "TCP segments received",
    "net.segments_out": "TCP segments sent",
    "net.retransmits": "TCP segments sent again",
    "net.delayed_acks": "delayed acknowledgements",
    "net.time_wait": "connections gone to TIME_WAIT",
    "net.listen_overflows": "connections that found a full queue",
    "net.lo_packets": "packets on the loopback interface",
    "net.link_packets": "packets on the rung's links and bridge",
    "host.net_rx": "network softirqs",
    "host.rescheduling": "rescheduling interrupts",
    "host.steal_us": "stolen CPU time, us",
    "host.pressure_us": "somebody waiting for a CPU, us",
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
    """`nginx: waiting for a CPU, us`; `app: recvfrom()`."""
    role, _, what = name.partition(".")
    if name in COUNTERS:
        return COUNTERS[name]
    return f"{role}: {OF_ROLE.get(what) or what.removeprefix('syscalls.') + '()'}"


def us(amount: Amount) -> str:
    """`-13 us (-16 to -10)`."""
    if amount.low is None or amount.high is None:
        return f"{signed(amount.value, 0)} us"
    places = decimals((amount.high - amount.low) / 2, 0)
    low, high = signed(amount.low, places), signed(amount.high, places)
    return f"{signed(amount.value, places)} us ({low} to {high})"


def level(amount: Amount) -> str:
    """`70 us (67 to 72)`: an amount that is no difference."""
    return us(amount).replace("+", "")


def rate(value: float) -> str:
    """Events per request, or microseconds: `20.1`, `0.003`."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    text = f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return text if float(text) or not value else f"{value:.4f}"
