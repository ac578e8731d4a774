"""`python -m harness`, and the `barehop` command."""

import gc
import sys
from typing import NoReturn

from harness.start import INTERRUPTED, prefer_own_packages

OBJECTS_PER_COLLECTION = 100_000  # most objects of a command live until it ends: modules and results


def main() -> NoReturn:
    """Run the command; an interrupt during its imports exits with the usual code."""
    prefer_own_packages()
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    try:
        from harness.cli import main as enter
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    enter()


if __name__ == "__main__":
    main()
