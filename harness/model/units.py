"""Times that carry their unit, as tools print them for eyes: the number, and what its last digit is worth."""

import re

IN_US = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}
TIME = r"-?[\d.]+(?:ns|us|µs|ms|s|m|h)"


def us(text: str) -> float:
    """Microseconds of "1.23ms". Raises ValueError."""
    number, unit = _parts(text)
    return float(number) * IN_US[unit]


def resolution_us(*texts: str) -> float:
    """What the last digit is worth, of the coarsest of `texts`. Raises ValueError."""
    return max(10.0 ** -len(number.partition(".")[2]) * IN_US[unit] for number, unit in map(_parts, texts))


def _parts(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
    if found is None:
        raise ValueError(f"{text!r} is no time with its unit, like 1.23ms.")
    return found[1], found[2]
