"""A process relays what comes to the published port, as docker-proxy does, instead of the translation."""

from harness.model.rungs import FAR, GATEWAY, NetworkRung, Relayed, Untranslated

PLUGIN = NetworkRung(
    below="nat",
    stands_for="docker run --publish asked from a container of the same network: docker-proxy; rootless podman",
    adds=(Untranslated("middle", "bridge"), Relayed("middle", GATEWAY, FAR)),
)
