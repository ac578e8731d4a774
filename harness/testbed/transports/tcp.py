"""TCP over the loopback interface."""

from harness.model import Transport

PLUGIN = Transport(address_kind="port", gunicorn_bind=lambda address: address, nginx_server=lambda address: address)
