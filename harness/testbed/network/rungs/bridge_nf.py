"""Frames on the bridge go through the packet filter (br_netfilter), which tracks their connections."""

from harness.model.plugins import ConntrackFilter, NetworkRung, SysctlValue

PLUGIN = NetworkRung(
    below="bridge",
    stands_for="two containers on one network where br_netfilter is loaded, as dockerd and Kubernetes want it",
    adds=(
        SysctlValue("middle", "net/bridge/bridge-nf-call-iptables", "1"),
        ConntrackFilter("middle", ("forward",)),
    ),
)
