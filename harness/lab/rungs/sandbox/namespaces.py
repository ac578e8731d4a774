"""Pid, uts, ipc and cgroup namespaces of their own."""

from harness.model.rungs import SandboxRung

PLUGIN = SandboxRung()
