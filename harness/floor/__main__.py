"""`python -m harness.floor`: a worker process of pyperf."""

import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the worker; a signal is no failure, also during the slow imports."""
    try:
        from harness.floor.script import run_worker
        from harness.load.pyperf_runner import run_program
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run_program(run_worker)


if __name__ == "__main__":
    main()
