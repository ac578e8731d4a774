"""A process relays what comes to the published port, as docker-proxy does."""

from harness.model.rungs import NetworkRung

PLUGIN = NetworkRung(below="nat")
