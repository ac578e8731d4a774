"""nginx and the app in a namespace each, joined by a pair of virtual links."""

from harness.model.plugins import FAR_ADDRESS, NEAR_ADDRESS, LinkAddress, NetworkRung, VethPair

PLUGIN = NetworkRung(
    below="conntrack",
    stands_for="CNI's ptp plug-in, or a Kubernetes network that routes between pods of a node (Calico, Cilium)",
    places=("far",),
    links=(VethPair("near", "hop0", "far", "hop0"),),
    adds=(LinkAddress("near", "hop0", NEAR_ADDRESS), LinkAddress("far", "hop0", FAR_ADDRESS)),
    listen_address=FAR_ADDRESS,
    connect_address=FAR_ADDRESS,
)
