"""nginx and the app in a namespace each, joined by a pair of virtual links."""

from harness.model.rungs import FAR, NEAR, Address, NetworkRung, Pair

PLUGIN = NetworkRung(
    below="conntrack",
    stands_for="CNI's ptp plug-in, or a Kubernetes network that routes between pods of a node (Calico, Cilium)",
    places=("far",),
    links=(Pair("near", "hop0", "far", "hop0"),),
    adds=(Address("near", "hop0", NEAR), Address("far", "hop0", FAR)),
    listens=FAR,
    asked=FAR,
)
