"""A control group of its own for each server: what accounting costs."""

from harness.model.plugins import SandboxRung

PLUGIN = SandboxRung(
    stands_for="what every container runtime makes first; without limits, as docker run and a pod of class BestEffort",
    cgroup=True,
)
