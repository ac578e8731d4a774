"""Speculative store bypass disabled, where the CPU knows it."""

from harness.model.plugins import SandboxRung

PLUGIN = SandboxRung(
    stands_for="what a seccomp profile brought with it before Linux 5.16, in any container",
    disables_store_bypass=True,
)
