"""A control group of its own for each server: what accounting costs."""

from harness.model.rungs import SandboxRung

PLUGIN = SandboxRung()
