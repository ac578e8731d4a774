"""`python -m harness.floor`: a worker process of pyperf."""

import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the worker; print one sentence for each kind of failure, also during the slow imports."""
    try:
        from harness.errors import HarnessError
        from harness.floor.script import run_worker
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    try:
        run_worker(sys.argv[1:])
    except HarnessError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(0)


if __name__ == "__main__":
    main()
