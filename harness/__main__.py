"""`python -m harness`, and the `barehop` command."""

import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Open the door; an interrupt while it is still being built is one like any other."""
    try:
        from harness.cli import main as enter
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    enter()


if __name__ == "__main__":
    main()
