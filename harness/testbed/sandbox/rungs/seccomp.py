"""No new privileges, and a filter of system calls like containers' default."""

from harness.model.plugins import SandboxRung

PLUGIN = SandboxRung(
    stands_for="docker's and podman's default profile, with --security-opt no-new-privileges; in a pod "
    "seccompProfile: RuntimeDefault and allowPrivilegeEscalation: false",
    has_seccomp_filter=True,
)
