"""The network that barehop is in: the bare hop."""

from harness.model.rungs import NetworkRung

PLUGIN = NetworkRung(below="")
