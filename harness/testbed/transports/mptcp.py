"""Multipath TCP on the loopback interface, with one path; nginx connects with it by Debian's libmptcpwrap."""

from harness.model import Transport

PLUGIN = Transport(
    family="tcp",
    label="Multipath TCP",
    address_kind="port",
    needs="Multipath TCP in the kernel",
    advice="Set sysctl net.mptcp.enabled=1, use a kernel built with CONFIG_MPTCP, or leave this transport out.",
    socket_protocol=262,  # IPPROTO_MPTCP of linux/in.h
    preload="mptcpize/libmptcpwrap.so.*",
    preload_advice="Install it, with apt-get install mptcpize, or leave this transport out.",
    connection_counters=("mptcp_syns", "mptcp_acks"),
)
