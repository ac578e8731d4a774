"""The network that barehop is in: the bare hop."""

from harness.model.plugins import LOOPBACK, NetworkRung

PLUGIN = NetworkRung(
    below="",
    stands_for="docker run --network host; hostNetwork: true of a Kubernetes pod",
    listen_address=LOOPBACK,
    connect_address=LOOPBACK,
)
