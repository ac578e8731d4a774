"""A Unix socket in a directory on tmpfs."""

from harness.model import Transport

PLUGIN = Transport(
    address_kind="tmpfs",
    gunicorn_bind=lambda address: f"unix:{address}",
    nginx_server=lambda address: f"unix:{address}",
)
