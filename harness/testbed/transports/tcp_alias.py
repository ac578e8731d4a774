"""TCP on another address of the loopback interface, 127.0.0.2; a near-null control for tcp."""

from harness.model import Transport

PLUGIN = Transport(
    family="tcp",
    label="TCP on 127.0.0.2",
    address_kind="port",
    host="127.0.0.2",
    needs="the address 127.0.0.2 on the loopback interface",
    advice="Give lo its usual prefix, with ip addr add 127.0.0.1/8 dev lo, or leave this transport out.",
)
