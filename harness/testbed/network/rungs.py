"""The network rungs of the ladder: kernel mechanisms of container networks, from the bottom up."""

from harness.model.plugins import (
    FAR_ADDRESS,
    GATEWAY,
    LOOPBACK,
    NEAR_ADDRESS,
    Bridge,
    ConntrackFilter,
    LinkAddress,
    NatBypass,
    NetworkRung,
    PortMapping,
    PortRelay,
    SysctlValue,
    VethPair,
)

PLUGINS = {
    "host": NetworkRung(
        help="The network that barehop is in: the bare hop.",
        below="",
        stands_for="docker run --network host; hostNetwork: true of a Kubernetes pod",
        listen_address=LOOPBACK,
        connect_address=LOOPBACK,
    ),
    "own": NetworkRung(
        help="A network namespace of the stack's own, with the host's values.",
        below="host",
        stands_for="two containers of one Kubernetes or podman pod; docker run --network container:NAME",
        places=("near",),
    ),
    "conntrack": NetworkRung(
        help="Connection tracking in that namespace, as a firewall or a container runtime asks for it.",
        below="own",
        stands_for="any machine with a firewall, dockerd, kube-proxy or CNI plug-ins: their rules ask for the state",
        adds=(ConntrackFilter("near", ("input", "output")),),
    ),
    "veth": NetworkRung(
        help="nginx and the app in a namespace each, joined by a pair of virtual links.",
        below="conntrack",
        stands_for="CNI's ptp plug-in, or a Kubernetes network that routes between pods of a node (Calico, Cilium)",
        places=("far",),
        links=(VethPair("near", "hop0", "far", "hop0"),),
        adds=(LinkAddress("near", "hop0", NEAR_ADDRESS), LinkAddress("far", "hop0", FAR_ADDRESS)),
        listen_address=FAR_ADDRESS,
        connect_address=FAR_ADDRESS,
    ),
    "bridge": NetworkRung(
        help="Both on a bridge, each by a pair of virtual links of its own, as on a container network.",
        below="veth",
        stands_for="two containers on one network of docker, podman or containerd (CNI's bridge plug-in)",
        places=("middle",),
        links=(
            VethPair("near", "hop0", "middle", "to-near"),
            VethPair("far", "hop0", "middle", "to-far"),
            Bridge("middle", "br0", ("to-near", "to-far")),
            SysctlValue("middle", "net/bridge/bridge-nf-call-iptables", "0", optional=True),
        ),
    ),
    "bridge-nf": NetworkRung(
        help="Frames on the bridge go through the packet filter (br_netfilter), which tracks their connections.",
        below="bridge",
        stands_for="two containers on one network where br_netfilter is loaded, as dockerd and Kubernetes want it",
        adds=(
            SysctlValue("middle", "net/bridge/bridge-nf-call-iptables", "1"),
            ConntrackFilter("middle", ("forward",)),
        ),
    ),
    "nat": NetworkRung(
        help="The app is reached at a published port: address translation there, masquerading on the way.",
        below="bridge-nf",
        stands_for="docker run --publish with userland-proxy off; a hostPort of Kubernetes (CNI's portmap plug-in)",
        adds=(
            LinkAddress("middle", "br0", GATEWAY),
            SysctlValue("middle", "net/ipv4/ip_forward", "1"),
            # A hint to take the short way would take the connection past the translation.
            SysctlValue("middle", "net/ipv4/conf/all/send_redirects", "0"),
            SysctlValue("middle", "net/ipv4/conf/br0/send_redirects", "0"),
            PortMapping("middle", GATEWAY, FAR_ADDRESS),
        ),
        connect_address=GATEWAY,
    ),
    "relay": NetworkRung(
        help="A process relays what comes to the published port, as docker-proxy does, instead of the translation.",
        below="nat",
        stands_for="docker run --publish asked from a container of the same network: docker-proxy; rootless podman",
        adds=(NatBypass("middle", "br0"), PortRelay("middle", GATEWAY, FAR_ADDRESS)),
    ),
}
