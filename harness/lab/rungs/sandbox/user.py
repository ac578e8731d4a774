"""A user namespace."""

from harness.model.rungs import SandboxRung

PLUGIN = SandboxRung()
