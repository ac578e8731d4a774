"""TCP over the loopback interface."""

from harness.model import Transport

PLUGIN = Transport(family="tcp", label="TCP loopback", address_kind="port")
