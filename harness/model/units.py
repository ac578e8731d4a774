"""Times with a unit, as tools print them: the value, and the resolution of its last digit."""

import re

IN_US = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}
TIME = r"-?[\d.]+(?:ns|us|µs|ms|s|m|h)"


def us(text: str) -> float:
    """Return the microseconds of a text like "1.23ms". Raise ValueError."""
    number, unit = _parts(text)
    return float(number) * IN_US[unit]


def resolution_us(*texts: str) -> float:
    """Return the value of the last digit of the coarsest of `texts`. Raise ValueError."""
    return max(10.0 ** -len(number.partition(".")[2]) * IN_US[unit] for number, unit in map(_parts, texts))


def _parts(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a time with a unit, like 1.23ms.")
    return match[1], match[2]
