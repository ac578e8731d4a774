"""A mount namespace with an overlay as root, and the socket's directory bound into it."""

from harness.model.rungs import SandboxRung

PLUGIN = SandboxRung(
    stands_for="overlay2 of docker, overlayfs of containerd and podman, with a volume (docker run -v, hostPath) in it",
    by_hand=(
        "unshare --mount",
        "mount -t tmpfs tmpfs /mnt; mkdir /mnt/upper /mnt/work /mnt/merged",
        "mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/merged",
        "mount --rbind /dev /mnt/merged/dev",
        "cd /mnt/merged; pivot_root . .; umount -l .; exec COMMAND",
    ),
    namespaces=("mount",),
    overlay=True,
)
