"""No new privileges, and a filter of system calls like containers' default."""

from harness.model.rungs import SandboxRung

PLUGIN = SandboxRung()
