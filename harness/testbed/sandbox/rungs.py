"""The sandbox rungs: what a server can run under, one part of a container each, alone or together."""

from harness.model.plugins import SandboxRung

PLUGINS = {
    "cgroup": SandboxRung(
        help="A control group of its own for each server: what accounting costs.",
        stands_for="what every container runtime makes first; without limits, as docker run and a pod of class "
        "BestEffort",
        parts=("control group",),
    ),
    "namespaces": SandboxRung(
        help="Pid, uts, ipc and cgroup namespaces of their own.",
        stands_for="what docker, podman and containerd make for every container, unless told --pid=host, --ipc=host; "
        "a pod's, but for hostPID and hostIPC",
        parts=("mount", "pid", "uts", "ipc", "cgroup"),  # mount: for the /proc of the pid namespace
    ),
    "mounts": SandboxRung(
        help="A mount namespace with an overlay as root, and the socket's directory bound into it.",
        stands_for="overlay2 of docker, overlayfs of containerd and podman, with a volume (docker run -v, hostPath) "
        "in it",
        parts=("mount", "overlay"),
    ),
    "user": SandboxRung(
        help="A user namespace.",
        stands_for="userns-remap of docker, rootless podman, hostUsers: false of a pod; with ids that are the same "
        "outside",
        parts=("user",),
    ),
    "seccomp": SandboxRung(
        help="No new privileges, and a filter of system calls like containers' default.",
        stands_for="docker's and podman's default profile, with --security-opt no-new-privileges; in a pod "
        "seccompProfile: RuntimeDefault and allowPrivilegeEscalation: false",
        parts=("seccomp filter",),
    ),
    "ssbd": SandboxRung(
        help="Speculative store bypass disabled, where the CPU knows it.",
        stands_for="what a seccomp profile brought with it before Linux 5.16, in any container",
        parts=("no store bypass",),
    ),
}
