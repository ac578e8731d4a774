"""Open files: as many as are allowed while it lasts, also for what is started meanwhile."""

import resource
import subprocess
import sys

from harness.testbed.machine.resources import raise_file_limit

ASK = "import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))"


def limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def test_children_have_more_and_afterwards_everything_is_as_before() -> None:
    before = limits()
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        with raise_file_limit():
            said = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout
            assert limits()[0] > 256
        assert limits() == (256, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert int(said.split()[0]) > 256
