"""Services that others run: whom a url leads to, what they answer, and whose CPU time that takes."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme

from harness.errors import ConfigError, LoadError, MachineError, StackError
from harness.load.client import open_client
from harness.load.probe import probe_service
from harness.model import Arm, Settings
from harness.observe.cpu_time import service_cpu_reader, service_pids
from harness.testbed.standalone import null_server
from tests.support.scripted_server import says, serving, stays_silent, whole


def arm(url: str, **settings: Any) -> Arm:
    return Arm(name="docker", settings=Settings(url=url, **settings))


@contextmanager
def answering(reply: bytes, **how: Any) -> Iterator[str]:
    """The url of a server that says `reply` to all."""
    with serving(says(reply), **how) as target:
        yield f"http{'s' if 'tls' in how else ''}://localhost:{target.port}/"


@contextmanager
def bare_server(listener: socket.socket) -> Iterator[None]:
    """One that answers right on a socket of any family."""
    thread = Thread(target=_serve, args=(listener,))
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            null_server.serve(connection, {})


def burst_of(one: Arm) -> dict[str, int]:
    """The failures of requests that are sent as in a visit."""
    target, reply = probe_service(one)
    assert reply.status == 200
    with open_client(target) as burst:
        seen = burst(2, 3)
    assert len(seen.latency_ns) == 3
    return dict(seen.failures)


@pytest.mark.parametrize("kept", [False, True])
def test_a_name_is_resolved_to_the_address_that_answers(kept: bool) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with bare_server(listener):
        target, _ = probe_service(arm(f"http://localhost:{port}/"))
        assert (target.host, target.address) == ("localhost", "127.0.0.1")
        assert burst_of(arm(f"http://localhost:{port}/", client_keepalive=kept)) == {}


def test_an_ipv6_address_is_asked() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("needs IPv6 on loopback")
    with bare_server(listener):
        assert burst_of(arm(f"http://[::1]:{listener.getsockname()[1]}/")) == {}


@pytest.mark.parametrize("kept", [False, True])
def test_a_unix_socket_is_asked(tmp_path: Path, kept: bool) -> None:
    listener = null_server.listen(str(tmp_path / "app.sock"))
    quoted = str(tmp_path / "app.sock").replace("/", "%2F")
    with bare_server(listener):
        assert burst_of(arm(f"http+unix://{quoted}/bytes/10", client_keepalive=kept)) == {}


def test_an_https_url_is_checked_against_the_authority_that_is_named(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with answering(whole(), tls=context) as url:
        assert burst_of(arm(url, authority=str(tmp_path / "ca.pem"))) == {}
        with pytest.raises(LoadError, match=r"cannot be trusted: certificate verify failed: .* Set authority to"):
            probe_service(arm(url))


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (
            whole(status="301 Moved", fields="Location: /there\r\n"),
            ConfigError,
            'status 301 and redirects to "/the',
        ),
        (whole(status="404 Not Found"), ConfigError, "status 404 instead of 2xx. Correct the url"),
        (whole(status="400 Bad Request"), ConfigError, "set host to one of them; the request's was localhost:"),
        (whole(status="404 Not Found"), ConfigError, "set host to one of them; the request's was localhost:"),
        (whole(status="421 Misdirected Request"), ConfigError, "If it serves certain hosts only, set host"),
        (whole(status="401 Unauthorized"), ConfigError, "If it needs a header, like Authorization, set headers."),
        (whole(status="405 Method Not Allowed"), ConfigError, "If it answers to another method than GET, set method."),
        (whole(status="503 Unavailable"), LoadError, "status 503 instead of 2xx. Fix the service"),
        (b"SSH-2.0-OpenSSH\r\n", LoadError, "does not answer: not http"),
        (b"", LoadError, "does not answer: no answer"),
        (whole()[:-3], LoadError, "truncated after 15 bytes"),
    ],
)
def test_what_is_no_answer_to_measure_is_told(reply: bytes, error: type[Exception], words: str) -> None:
    with answering(reply) as url, pytest.raises(error, match=r"Arm 'docker': ") as told:
        probe_service(arm(url))
    assert words in str(told.value)
    assert url in str(told.value)


def test_nobody_there_is_told_with_how_to_start_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(LoadError, match=r"does not answer: connection refused. Start it: docker start web$"):
        probe_service(arm(f"http://127.0.0.1:{port}/", start="docker start web"))
    with pytest.raises(LoadError, match=r"no such file or directory. Start it, or correct the url.$"):
        probe_service(arm("http+unix://%2Fnowhere%2Fapp.sock/"))


def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(LoadError, match=r"the host of http://nowhere.invalid/ has no address"):
        probe_service(arm("http://nowhere.invalid/"))


def test_a_service_that_is_slower_than_the_timeout_is_told() -> None:
    with serving(stays_silent) as target, pytest.raises(LoadError, match=r"did not answer within 0.2 s"):
        probe_service(arm(f"http://127.0.0.1:{target.port}/", timeout_s=0.2))


BUSY = "import time; end = time.monotonic() + 60\nwhile time.monotonic() < end: pass"


@contextmanager
def busy_child() -> Iterator[int]:
    """A process that does nothing but has a child at work."""
    starts = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {BUSY!r}]); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", starts])
    try:
        while len(service_pids(Settings(pids=(process.pid,)))) < 2:
            time.sleep(0.01)
        yield process.pid
    finally:
        for pid in service_pids(Settings(pids=(process.pid,))):
            os.kill(pid, 9)
        process.wait()


def test_the_cpu_time_of_named_processes_counts_their_children_and_their_end_is_told() -> None:
    with busy_child() as pid:
        read = service_cpu_reader(arm("http://x/", pids=(pid,)))
        before = read()
        while read()["service"] < before["service"] + 20_000_000:
            time.sleep(0.01)
    with pytest.raises(StackError, match=r"has ended since the session began"):
        read()


def test_a_process_that_is_not_there_is_told() -> None:
    with pytest.raises(MachineError, match=r"The process 4194399 of pids does not exist"):
        service_pids(Settings(pids=(4194399,)))


@pytest.mark.parametrize(
    ("file", "text", "used_ns"),
    [
        ("cpuacct.usage", "123456789\n", 123_456_789),
        ("cpu.stat", "usage_usec 2017\nuser_usec 1000\nsystem_usec 1017\n", 2_017_000),
    ],
)
def test_a_cgroup_tells_its_cpu_time_and_its_processes(tmp_path: Path, file: str, text: str, used_ns: int) -> None:
    (tmp_path / file).write_text(text)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/cgroup.procs").write_text("12\n13\n")
    named = arm("http://x/", cgroup=str(tmp_path))
    read = service_cpu_reader(named)
    assert read()["service"] == used_ns
    assert service_pids(named.settings) == {12, 13}
    (tmp_path / file).unlink()
    with pytest.raises(StackError, match=r"has ended"):
        read()


def test_a_cgroup_that_counts_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 0\n")
    with pytest.raises(MachineError, match=r"counts no CPU time here"):
        service_pids(Settings(cgroup=str(tmp_path)))
