"""The kinds of doubts about a session, with the advice on each."""

from harness.model import Doubt
from harness.observe.cpu_time import TICK_NS

ADVICE = {
    "affinity": (
        "Look for a daemon that balances processes, a taskset by hand, or an application that sets its own affinity: "
        "stop it, or set placement to the same CPUs."
    ),
    "answers": "Find the cause, for example a cache, a limit or an error; the times are a mixture of both answers.",
    "backlog": (
        "nginx answers such a request with 502 at once, which makes the arm look faster. Lower connections, or raise "
        "workers or net.core.somaxconn."
    ),
    "busy": "Stop the other processes on this machine, or wait until they have ended.",
    "changed": "If that matters to your question, measure from the beginning: `barehop run` without --resume.",
    "children": (
        "The CPU time of child processes counts if they exist before the visits: start them with the application or "
        f"with its first requests. Of those that end it is counted in steps of {TICK_NS // 1_000_000} ms, so only the "
        "mean of many visits is exact, and not at all if SIGCHLD is ignored. Their waiting, context switches and "
        "migrations are not counted."
    ),
    "client-bound": (
        "Do not use the throughput of this session: send smaller answers, use a faster load tool, or give the client "
        "more CPUs with placement."
    ),
    "conntrack": (
        "Tracking slows down TCP only, so this baseline is not bare: stop the firewall or container runtime that asks "
        "for it, or exempt lo (nftables: notrack)."
    ),
    "containers": "Stop them for a bare baseline: they use the CPUs, and they add packet filters and tracking.",
    "environment": "It affects all arms. Unset the variable to measure the application without it.",
    "filter": "Each rule slows down every TCP segment, also on lo, but no Unix socket: remove them if you can.",
    "frequency": "Set the frequency governor to performance, and turbo off if times must not depend on temperature.",
    "layout": (
        'Each start draws a layout, as with layout = "random": intervals may be wider. Allow the call personality '
        "(docker forbids it without --security-opt seccomp=unconfined), and use servers without file capabilities."
    ),
    "lock": "Another run of barehop may have used the CPUs meanwhile: make sure that none ran, or repeat this run.",
    "logging": (
        "Times and CPU time include writing the log. Raise the log level of the application (no DEBUG, no access log) "
        "unless you want to measure logging."
    ),
    "overflow": (
        "Each of them waited a second before it tried again. Lower connections, or raise net.core.somaxconn or "
        "workers; if it was a server outside this run, stop that server."
    ),
    "ports": (
        "Connecting by TCP becomes slow and then fails. Set net.ipv4.tcp_tw_reuse and net.ipv4.tcp_timestamps to 1, "
        "keep connections with upstream_keepalive and client_keepalive, or widen net.ipv4.ip_local_port_range."
    ),
    "preempted": (
        "Something outside the experiment runs on that CPU, perhaps an interrupt or a timer: /proc/interrupts and "
        "`ps -eo psr,comm` show it. Keep it away, or choose other CPUs with placement."
    ),
    "pressure": "Requests of every transport waited for a CPU: keep other processes off the servers' CPUs.",
    "quota": (
        "Measure outside this cgroup (a container's or service's CPU limit), or remove its limit; to measure under a "
        "limit, give every role its own with cpu_quota."
    ),
    "retransmits": (
        "Loopback loses nothing by itself: look for full queues, memory limits (net.ipv4.tcp_mem), packet filters or "
        "traffic shaping on lo, and for other busy connections of this machine."
    ),
    "settings": (
        "Another program changes this machine. Sessions before and after the change are not comparable: find the "
        "program, and measure again."
    ),
    "steal": "Other guests compete for this machine's CPUs: measure longer, at another time, or elsewhere.",
    "strictatime": (
        "Every connect() writes an access time there: set TMPDIR to a directory on another mount, or mount it with "
        "relatime."
    ),
    "swap": "Memory is short: stop the processes that fill it, or use fewer workers, and measure again.",
    "throttled": "Cool the machine, or turn off turbo, and measure again.",
}


def doubt(kind: str, observation: str, arm: str | None = None) -> Doubt:
    """Return a doubt with the advice of its kind."""
    return Doubt(kind=kind, arm=arm, seen=observation, advice=ADVICE[kind])
