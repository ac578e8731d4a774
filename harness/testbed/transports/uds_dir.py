"""A Unix socket in a directory on a file system that is not tmpfs, as containers share a volume."""

from harness.model import Transport

PLUGIN = Transport(
    family="unix",
    label="a Unix socket in a directory",
    address_kind="directory",
    needs="a writable directory with free space that is not on tmpfs",
    advice="Name one with TMPDIR.",
)
