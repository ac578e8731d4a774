"""A process relays what comes to the published port, as docker-proxy does, instead of the translation."""

from harness.model.plugins import FAR_ADDRESS, GATEWAY, NatBypass, NetworkRung, PortRelay

PLUGIN = NetworkRung(
    below="nat",
    stands_for="docker run --publish asked from a container of the same network: docker-proxy; rootless podman",
    adds=(NatBypass("middle", "br0"), PortRelay("middle", GATEWAY, FAR_ADDRESS)),
)
