"""Both on a bridge, each by a pair of virtual links of its own, as on a container network."""

from harness.model.plugins import Bridge, NetworkRung, SysctlValue, VethPair

PLUGIN = NetworkRung(
    below="veth",
    stands_for="two containers on one network of docker, podman or containerd (CNI's bridge plug-in)",
    places=("middle",),
    links=(
        VethPair("near", "hop0", "middle", "to-near"),
        VethPair("far", "hop0", "middle", "to-far"),
        Bridge("middle", "br0", ("to-near", "to-far")),
        SysctlValue("middle", "net/bridge/bridge-nf-call-iptables", "0", optional=True),
    ),
)
