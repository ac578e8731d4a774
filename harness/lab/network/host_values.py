"""Gives a new network the values of the one we are in, so that arms in networks of their own differ in knobs only."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.lab.kernelfiles import read

ROOT = Path("/proc/sys/net")
# Some values change others (ip_forward, conf/all), so that what was right may have to be written again.
PASSES = 2
# Secrets, and what differs from namespace to namespace by its nature: the sizes say by their sign whose table it is.
NEVER = (
    "flush", "nf_conntrack_count", "stable_secret", "tcp_ehash_entries", "tcp_fastopen_key", "udp_hash_entries",
)  # fmt: skip

Values = dict[str, str]


def network_values(root: Path = ROOT) -> Values:
    """Every sysctl below net that this thread's network has and that can be read, by name ("net.ipv4.tcp_sack")."""
    texts = {name: read(path) for name, path in _files(root)}
    return {name: " ".join(text.split()) for name, text in texts.items() if text is not None}


def copy_values(wanted: Mapping[str, str], root: Path = ROOT) -> Values:
    """Write what differs from `wanted` to this thread's network; what could not be made so, with what it is instead."""
    different = _different(wanted, root)
    for _ in range(PASSES):
        if not different:
            break
        paths = dict(_files(root))
        for name in different:
            _write(paths[name], wanted[name])
        different = _different(wanted, root)
    return different


def _different(wanted: Mapping[str, str], root: Path) -> Values:
    seen = network_values(root)
    return {name: seen[name] for name in wanted if name in seen and seen[name] != wanted[name]}


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError:
        return  # it is seen to differ afterwards


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for directory, _, names in os.walk(root):
        relative = Path(directory).relative_to(root).parts
        for name in names:
            if name not in NEVER:
                yield ".".join(("net", *relative, name)), Path(directory, name)
