"""Copies the sysctls of the present network to a new one, so that arms in their own networks differ only in knobs."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.lab.kernelfiles import read

NET_SYSCTLS = Path("/proc/sys/net")
# Some values change others (ip_forward, conf/all), so a right value may have to be written again.
PASSES = 2
# Secrets, counters, and sizes whose sign depends on the namespace.
NOT_COPIED = (
    "flush", "nf_conntrack_count", "stable_secret", "tcp_ehash_entries", "tcp_fastopen_key", "udp_hash_entries",
)  # fmt: skip

Values = dict[str, str]


def network_values(root: Path = NET_SYSCTLS) -> Values:
    """Return every readable sysctl below net of this thread's network, by name ("net.ipv4.tcp_sack")."""
    texts = {name: read(path) for name, path in _sysctl_files(root)}
    return {name: " ".join(text.split()) for name, text in texts.items() if text is not None}


def copy_values(wanted: Mapping[str, str], root: Path = NET_SYSCTLS) -> Values:
    """Write what differs from `wanted` to this thread's network; return what still differs, with its present value."""
    different = _differences(wanted, root)
    for _ in range(PASSES):
        if not different:
            break
        paths = dict(_sysctl_files(root))
        for name in different:
            _write_sysctl(paths[name], wanted[name])
        different = _differences(wanted, root)
    return different


def _differences(wanted: Mapping[str, str], root: Path) -> Values:
    present = network_values(root)
    return {name: present[name] for name in wanted if name in present and present[name] != wanted[name]}


def _write_sysctl(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError:
        return  # it is reported as different afterwards


def _sysctl_files(root: Path) -> Iterator[tuple[str, Path]]:
    for directory, _, names in os.walk(root):
        relative = Path(directory).relative_to(root).parts
        for name in names:
            if name not in NOT_COPIED:
                yield ".".join(("net", *relative, name)), Path(directory, name)
