"""A Unix socket in a directory on tmpfs."""

from harness.model import Transport

PLUGIN = Transport(
    family="unix",
    label="a Unix socket on tmpfs",
    address_kind="tmpfs",
    needs="a writable directory with free space on tmpfs",
    advice="Mount one: mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
)
