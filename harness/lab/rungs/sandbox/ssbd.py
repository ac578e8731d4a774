"""Speculative store bypass disabled, where the CPU knows it."""

from harness.model.rungs import SandboxRung

PLUGIN = SandboxRung()
