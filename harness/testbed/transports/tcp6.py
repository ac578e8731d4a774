"""TCP over IPv6, on ::1 of the loopback interface."""

from harness.model import Transport

PLUGIN = Transport(
    family="tcp",
    label="TCP over IPv6",
    address_kind="port",
    host="[::1]",
    needs="the address ::1 on the loopback interface",
    advice="Enable IPv6, with sysctl net.ipv6.conf.lo.disable_ipv6=0, or leave this transport out.",
)
