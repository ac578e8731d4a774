"""The app is reached at a published port: address translation there, masquerading on the way."""

from harness.model.rungs import NetworkRung

PLUGIN = NetworkRung(below="bridge-nf")
