"""A mount namespace with an overlay as root, and the socket's directory bound into it."""

from harness.model.plugins import SandboxRung

PLUGIN = SandboxRung(
    stands_for="overlay2 of docker, overlayfs of containerd and podman, with a volume (docker run -v, hostPath) in it",
    namespaces=("mount",),
    overlay=True,
)
