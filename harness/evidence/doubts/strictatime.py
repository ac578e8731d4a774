"""Doubts about a socket whose every connect() is noted on a disk."""

from collections.abc import Iterator

from harness.evidence.doubts.scene import Scene
from harness.lab.mounts import Filesystem, filesystem_of
from harness.model import Doubt

# In memory it costs next to nothing, and systemd mounts /dev/shm so.
_IN_MEMORY = ("tmpfs", "ramfs")
_SPARING = {"noatime", "relatime"}

Mounts = tuple[Filesystem, ...]


def read_socket_mounts(scene: Scene) -> Mounts:
    return tuple(filesystem_of(directory, scene.roots.proc) for directory in scene.socket_directories)


def strictatime_doubts(_before: Mounts, after: Mounts) -> Iterator[Doubt]:
    """The kernel touches a socket's time of access when it is connected to: unix_find_bsd() in net/unix/af_unix.c."""
    for mount in after:
        if mount.kind not in _IN_MEMORY and not _SPARING & set(mount.options):
            yield Doubt(
                kind="strictatime",
                seen=f"{mount.mount_point} ({mount.kind}), where a socket lies, is mounted with strictatime.",
                advice=(
                    "Every connection is noted there with its time, which other mounts spare: set TMPDIR to a "
                    "directory on another one, or mount it with relatime."
                ),
            )
