"""Connection tracking in that namespace, as a firewall or a container runtime asks for it."""

from harness.model.rungs import NetworkRung

PLUGIN = NetworkRung(below="own")
