"""TCP whose messages BPF hands from socket to socket (sockmap), past the protocol and the loopback interface."""

from harness.model import Transport

PLUGIN = Transport(
    family="tcp",
    label="TCP through a sockmap",
    address_kind="port",
    in_sockmap=True,
    needs="root, control groups of version 2 and BPF",
    advice="Run barehop as root on Linux 5.11 or later, after mount -t cgroup2 none /mnt where no such groups are "
    "mounted, or leave this transport out.",
)
