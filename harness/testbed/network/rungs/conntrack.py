"""Connection tracking in that namespace, as a firewall or a container runtime asks for it."""

from harness.model.plugins import ConntrackFilter, NetworkRung

PLUGIN = NetworkRung(
    below="own",
    stands_for="any machine with a firewall, dockerd, kube-proxy or CNI plug-ins: their rules ask for the state",
    adds=(ConntrackFilter("near", ("input", "output")),),
)
