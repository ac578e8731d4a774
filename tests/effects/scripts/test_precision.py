"""What scripts/precision starts: the program under pyperf, programs that fail, and its own set-up."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest

from harness.errors import LoadError
from harness.model import Target
from scripts.precision_study.by_pyperf import run_means_s, sample
from scripts.precision_study.stand import call

SCRIPTS = Path(__file__).parents[3] / "scripts"


@contextmanager
def server(status: int) -> Iterator[Target]:
    """Answers everything with `status` and a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"body")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Target(host="127.0.0.1", port=running.server_port, path="/")
        finally:
            running.shutdown()
            thread.join()


def test_every_worker_process_of_pyperf_is_a_run_and_further_ones_are_added(tmp_path: Path) -> None:
    file = tmp_path / "arm.json"
    with server(200) as target:
        sample(target, file, processes=1)
        sample(target, file, processes=1)
    assert len(run_means_s(file)) == 2
    assert all(mean_s > 0 for mean_s in run_means_s(file))


def test_a_failed_request_ends_the_program_under_pyperf(tmp_path: Path) -> None:
    with server(503) as target, pytest.raises(LoadError, match="failed: status 503"):
        sample(target, tmp_path / "arm.json", processes=1)


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"(?s)exit code 3.*no such luck"):
        call(["sh", "-c", "echo no such luck; exit 3"], tmp_path / "log")


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="missing-program could not be started: No such file"):
        call(["missing-program"], tmp_path / "log")


CALLING = """
from pathlib import Path
from scripts.precision_study.stand import call
call(["sh", "-c", "cd DIRECTORY; echo $$ >part; mv part pid; exec sleep 60"], Path("DIRECTORY/log"))
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
def test_a_program_that_is_called_ends_with_a_caller_that_is_killed(tmp_path: Path) -> None:
    calling = CALLING.replace("DIRECTORY", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", calling], cwd=SCRIPTS.parent) as caller:
        pid = tmp_path / "pid"
        while not pid.exists():
            assert caller.poll() is None
            time.sleep(0.01)
        called = psutil.Process(int(pid.read_text()))
        caller.kill()
    assert called.wait(timeout=60) is None


@pytest.mark.parametrize("layer", ["precision", "runtime", "test"])
def test_the_set_up_wants_hyperfine_for_the_study_and_for_nothing_else(tmp_path: Path, layer: str) -> None:
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cat", "dirname", "find", "flock", "mkdir", "sha256sum", "sort"):
        (tools / name).symlink_to(shutil.which(name) or name)
    for name in ("nginx", "ab", "python3"):
        (tools / name).write_text("#!/bin/sh\n")
        (tools / name).chmod(0o755)
    said = subprocess.run(
        [tmp_path / "scripts/setup", layer],
        env=os.environ | {"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("hyperfine" in said.stderr) == (layer == "precision")
