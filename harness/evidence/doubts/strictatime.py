"""Doubts about a Unix socket on a mount that writes an access time at every connect()."""

from collections.abc import Iterator

from harness.evidence.doubts.scene import Scene
from harness.lab.mounts import Filesystem, filesystem_of
from harness.model import Doubt

# In memory an access time costs next to nothing, and systemd mounts /dev/shm with strictatime.
_MEMORY_FILESYSTEMS = ("tmpfs", "ramfs")
_SPARING_OPTIONS = {"noatime", "relatime"}

Mounts = tuple[Filesystem, ...]


def read_socket_mounts(context: Scene) -> Mounts:
    """Read the file system of each directory with sockets."""
    return tuple(filesystem_of(directory, context.roots.proc) for directory in context.socket_directories)


def strictatime_doubts(_before: Mounts, after: Mounts) -> Iterator[Doubt]:
    """Yield a doubt for each such mount. Source: touch_atime() of unix_find_bsd() in net/unix/af_unix.c."""
    for mount in after:
        if mount.kind not in _MEMORY_FILESYSTEMS and not _SPARING_OPTIONS & set(mount.options):
            yield Doubt(
                kind="strictatime",
                seen=f"{mount.mount_point} ({mount.kind}), which holds a socket, is mounted with strictatime.",
                advice=(
                    "Every connect() writes an access time there: set TMPDIR to a directory on another mount, or "
                    "mount it with relatime."
                ),
            )
