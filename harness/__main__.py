"""`python -m harness`, and the `barehop` command."""

import sys
from typing import NoReturn

from harness.start import INTERRUPTED, prefer_own_packages


def main() -> NoReturn:
    """Run the command; an interrupt during its imports exits with the usual code."""
    prefer_own_packages()
    try:
        from harness.cli import main as enter
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    enter()


if __name__ == "__main__":
    main()
