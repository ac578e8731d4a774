"""A Unix socket in a directory on a file system that is not tmpfs, as containers share a volume."""

from harness.model import Transport

PLUGIN = Transport(
    address_kind="directory",
    gunicorn_bind=lambda address: f"unix:{address}",
    nginx_server=lambda address: f"unix:{address}",
)
