"""Frames on the bridge go through the packet filter (br_netfilter)."""

from harness.model.rungs import NetworkRung

PLUGIN = NetworkRung(below="bridge")
