"""A mount namespace with an overlay as root, and the socket's directory bound into it."""

from harness.model.rungs import SandboxRung

PLUGIN = SandboxRung()
