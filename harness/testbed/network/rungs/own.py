"""A network namespace of the stack's own, with the host's values."""

from harness.model.plugins import NetworkRung

PLUGIN = NetworkRung(
    below="host",
    stands_for="two containers of one Kubernetes or podman pod; docker run --network container:NAME",
    places=("near",),
)
