"""A Unix socket in a directory on a file system that is not tmpfs, as containers share a volume."""

from harness.model import Transport

PLUGIN = Transport(home="directory", bind=lambda address: f"unix:{address}", server=lambda address: f"unix:{address}")
