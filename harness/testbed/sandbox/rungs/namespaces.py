"""Pid, uts, ipc and cgroup namespaces of their own."""

from harness.model.plugins import SandboxRung

PLUGIN = SandboxRung(
    stands_for="what docker, podman and containerd make for every container, unless told --pid=host, --ipc=host; "
    "a pod's, but for hostPID and hostIPC",
    namespaces=("mount", "pid", "uts", "ipc", "cgroup"),  # mount: for the /proc of the pid namespace
)
