"""Typography of numbers in prose: minus and micro signs, no break before a unit."""

import re

from harness.report.page import BEFORE_UNIT, NO_BREAK

MINUS = re.compile(r"(?<![\w.)-])-(?=\d)")
MICROSECONDS = re.compile(rf"(?<=\d{NO_BREAK})us\b")


def typeset(text: str) -> str:
    """Return prose with minus and micro signs and no break before units. Not for text that is shown as code."""
    kept_together = BEFORE_UNIT.sub(NO_BREAK, MINUS.sub("\N{MINUS SIGN}", text))
    return MICROSECONDS.sub("\N{MICRO SIGN}s", kept_together)
