"""Sets numbers in prose as print does, where a page can show it."""

import re

from harness.report.page import BEFORE_UNIT, NO_BREAK

MINUS = re.compile(r"(?<![\w.)-])-(?=\d)")
MICROSECONDS = re.compile(rf"(?<=\d{NO_BREAK})us\b")


def typeset(text: str) -> str:
    """With minus and micro signs, and no number parted from its unit; what is shown as code must not come here."""
    kept_together = BEFORE_UNIT.sub(NO_BREAK, MINUS.sub("\N{MINUS SIGN}", text))
    return MICROSECONDS.sub("\N{MICRO SIGN}s", kept_together)
