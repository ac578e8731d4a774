"""A Unix socket in a directory on tmpfs."""

from harness.model import Transport

PLUGIN = Transport(home="tmpfs", bind=lambda address: f"unix:{address}", server=lambda address: f"unix:{address}")
