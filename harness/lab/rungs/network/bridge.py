"""Both on a bridge, each by a pair of virtual links of its own, as on a container network."""

from harness.model.rungs import NetworkRung

PLUGIN = NetworkRung(below="veth")
