"""Mitigations of CPU vulnerabilities, like off or auto; each makes system calls slower."""

from harness.model.knobs import Knob, text_like

PLUGIN = Knob(scope="boot", touches="both", problem=text_like("off"), changes=lambda _: (), by_boot="mitigations")
