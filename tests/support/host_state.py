"""All that a run could change of the host."""

import os
from pathlib import Path

RESTLESS = ("nf_conntrack_count", "random", "nr", "state", "cpuinfo", "perf_event_max_sample_rate", "ns_last_pid")
ALONE = {"fs/dentry-state", "fs/quota", "kernel/pty/nr", "fs/aio-nr", "kernel/tainted"}


def sysctls() -> dict[str, str]:
    """All that can be read of what stays as it is by itself."""
    found: dict[str, str] = {}
    for directory, _, names in os.walk("/proc/sys"):
        for name in names:
            path = Path(directory, name)
            if not str(path.relative_to("/proc/sys")).endswith(RESTLESS) and "random" not in path.parts:
                found |= text_of(path)
    return found


def text_of(path: Path) -> dict[str, str]:
    try:
        return {} if any(str(path).endswith(each) for each in ALONE) else {str(path): path.read_text(errors="replace")}
    except OSError:
        return {}


def host() -> dict[str, str]:
    """Its settings, links, routes and mounts, each by a name."""
    links = {str(path): (path / "mtu").read_text() for path in Path("/sys/class/net").iterdir()}
    tables = ("/proc/net/route", "/proc/net/fib_trie", "/proc/self/mountinfo")
    return sysctls() | links | {name: Path(name).read_text() for name in tables}
