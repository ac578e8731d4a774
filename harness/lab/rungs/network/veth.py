"""nginx and the app in a namespace each, joined by a pair of virtual links."""

from harness.model.rungs import NetworkRung

PLUGIN = NetworkRung(below="conntrack")
