"""A user namespace."""

from harness.model.rungs import SandboxRung

PLUGIN = SandboxRung(
    stands_for="userns-remap of docker, rootless podman, hostUsers: false of a pod; with ids that are the same outside",
    by_hand=("unshare --user --map-root-user COMMAND",),
    namespaces=("user",),
)
