"""Reads the kernel settings that can affect a hop from /proc/sys."""

from pathlib import Path

from harness.lab.kernelfiles import read

_SYSCTL_PATTERNS = (
    "net/core/*",
    "net/ipv4/tcp_*",
    "net/ipv4/ip_*",
    "net/ipv4/inet_peer_*",
    "net/unix/*",
    "net/bridge/*",
    "net/netfilter/nf_conntrack_*",
    "kernel/sched_*",
    "kernel/numa_balancing",
    "kernel/randomize_va_space",
    "kernel/timer_migration",
    "kernel/*watchdog*",
    "kernel/perf_*",
    "kernel/pid_max",
    "kernel/threads-max",
    "kernel/task_delayacct",
    "vm/swappiness",
    "vm/stat_interval",
    "vm/overcommit_memory",
    "vm/zone_reclaim_mode",
    "vm/compaction_proactiveness",
    "fs/file-max",
    "fs/nr_open",
)
# Secrets (tcp_fastopen_key), keys of hashes, and values that change by themselves.
_EXCLUDED_SYSCTLS = ("_key", "_seed", "nf_conntrack_count")


def read_sysctls(proc: Path = Path("/proc")) -> dict[str, str]:
    """Return readable values by name ("net.ipv4.tcp_sack"), their parts separated by one space."""
    root = proc / "sys"
    paths = sorted({path for pattern in _SYSCTL_PATTERNS for path in root.glob(pattern)})
    texts = {".".join(path.relative_to(root).parts): read(path) for path in paths if _is_recorded(path)}
    return {name: " ".join(text.split()) for name, text in texts.items() if text is not None}


def _is_recorded(path: Path) -> bool:
    return not path.name.endswith(_EXCLUDED_SYSCTLS)
