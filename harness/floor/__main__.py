"""`python -m harness.floor`: what pyperf starts as its workers."""

import sys

from harness.errors import HarnessError
from harness.floor.script import run

if __name__ == "__main__":
    try:
        run(sys.argv[1:])
    except HarnessError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(problem.exit_code)
