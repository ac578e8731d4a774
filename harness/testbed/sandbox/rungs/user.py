"""A user namespace."""

from harness.model.plugins import SandboxRung

PLUGIN = SandboxRung(
    stands_for="userns-remap of docker, rootless podman, hostUsers: false of a pod; with ids that are the same outside",
    namespaces=("user",),
)
