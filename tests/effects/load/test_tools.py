"""Every outside tool against servers that answer, fail, stay silent, break off or are not there."""

import shutil
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from harness import plugins
from harness.errors import LoadError
from harness.load.visits import run_tool
from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.http import AnswerShape
from tests.support.scripted_server import repeats, says, serving, stays_silent, whole

NAMES = ("ab", "wrk", "hey", "h2load", "k6", "locust", "molotov")
TAKES_WHAT_IS_CUT_FOR_RIGHT = ("ab", "hey")
ENDS_WHEN_REFUSED = ("ab", "wrk")
STAYS, CLOSES = "Connection: keep-alive\r\n", "Connection: close\r\n"
CHECKS_CERTIFICATES = ("locust", "molotov")
HAS_A_TIMEOUT_OF_ALL = ("k6", "locust", "molotov")
HAS_A_LIMIT = ("locust", "molotov")

pytestmark = pytest.mark.needs_tools


def visit(name: str, target: Target, directory: Path, **settings: object) -> ToolResult:
    tool = plugins.load(LoadTool, name)
    program = shutil.which(tool.program)
    if program is None:
        pytest.skip(f"{name} is not installed")
    asked = Settings.model_validate({"tool_requests": 2, **settings})
    return run_tool(tool, program, replace(target, timeout_s=1), asked, directory)


class Counting:
    """Answers right, and counts the requests of each connection."""

    def __init__(self, stays: bool) -> None:
        self.stays = stays
        self.requests: Counter[int] = Counter()

    def __call__(self, connection: socket.socket, number: int) -> bool:
        self.requests[connection.fileno() if self.stays else len(self.requests)] += 1
        connection.sendall(whole(fields=STAYS if self.stays else CLOSES))
        return self.stays


@pytest.mark.parametrize("name", NAMES)
def test_kept_connections_are_as_many_as_asked_for(name: str, tmp_path: Path) -> None:
    answer = Counting(stays=True)
    with serving(answer, keepalive=True, at_once=True) as target:
        outcome = visit(name, target, tmp_path, tool_requests=40, connections=2, client_keepalive=True)

    assert (outcome.requests, outcome.failures) == (40, {})
    assert sum(answer.requests.values()) == 40
    # hey's library may open a spare connection while it waits for one that another request is about to leave.
    assert len(answer.requests) <= (4 if name == "hey" else 2)
    assert 0 <= outcome.percentiles_us[50] <= outcome.percentiles_us[100]  # hey has steps of 100 us, so 0 is a time
    assert outcome.duration_s < 20  # its own, without its start; so long only where it waits for a timeout


@pytest.mark.parametrize("name", NAMES)
def test_a_connection_for_each_request(name: str, tmp_path: Path) -> None:
    answer = Counting(stays=False)
    with serving(answer, at_once=True) as target:
        outcome = visit(name, target, tmp_path, tool_requests=40, connections=2)

    assert (outcome.requests, outcome.failures) == (40, {})
    assert sum(answer.requests.values()) == 40


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hey"])
def test_a_run_by_time(name: str, tmp_path: Path) -> None:
    answer = says(whole(fields=STAYS), stays=True)
    with serving(answer, keepalive=True, at_once=True) as target:
        outcome = visit(name, target, tmp_path, tool_seconds=0.2, client_keepalive=True)

    assert outcome.requests > 2
    assert outcome.failures == {}
    assert outcome.duration_s >= 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_status_that_is_not_right_is_a_failure(name: str, tmp_path: Path) -> None:
    with serving(says(whole(status="500 Internal Server Error", fields=CLOSES))) as target:
        outcome = visit(name, target, tmp_path)

    kind = {"ab": "status not 2xx", "wrk": "status over 399"}.get(name, "status 500")
    assert (outcome.requests, outcome.failures) == (0, {kind: 2})


@pytest.mark.parametrize("name", ["k6", "locust", "molotov"])
def test_the_status_that_was_proved_is_right_and_no_other(name: str, tmp_path: Path) -> None:
    proved = AnswerShape(404, 18)
    with serving(says(whole(status="404 Not Found", fields=CLOSES))) as target:
        same = visit(name, replace(target, expected_answer=proved), tmp_path / "same")
    with serving(says(whole(fields=CLOSES))) as target:
        another = visit(name, replace(target, expected_answer=proved), tmp_path / "another")

    assert (same.requests, same.failures) == (2, {})
    assert (another.requests, another.failures) == (0, {"status 200": 2})


@pytest.mark.parametrize(("status", "error"), [("404 Not Found", None), ("200 OK", "status 200")])
def test_pyperf_ends_at_another_status_than_the_one_that_was_proved(
    status: str, error: str | None, tmp_path: Path
) -> None:
    tool = plugins.load(LoadTool, "pyperf")
    with serving(says(whole(status=status, fields=CLOSES))) as target:
        asked = replace(target, expected_answer=AnswerShape(404, 18), timeout_s=1)
        settings = Settings(tool="pyperf", tool_seconds=0.1)
        if error is None:
            assert run_tool(tool, sys.executable, asked, settings, tmp_path).requests > 0
            return
        with pytest.raises(LoadError, match=r"ended with exit code"):
            run_tool(tool, sys.executable, asked, settings, tmp_path)
    assert f"A request failed: {error}" in (tmp_path / "stderr.txt").read_text()


@pytest.mark.parametrize("name", HAS_A_TIMEOUT_OF_ALL)
@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"],
    ids=["within the head", "within the body"],
)
def test_an_answer_that_never_ends_is_waited_for_as_long_as_asked(name: str, beginning: bytes, tmp_path: Path) -> None:
    piece = b"data: x\n\n" if beginning else b"HTTP/1.1 100 Continue\r\n\r\n"
    with serving(repeats(beginning, piece, 0.05)) as target:
        outcome = visit(name, target, tmp_path)

    assert (outcome.requests, outcome.failures) == (0, {"timeout": 2})


@pytest.mark.parametrize("name", HAS_A_LIMIT)
def test_a_body_that_is_longer_than_any_may_be_is_not_read_to_its_end(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.model.tools.MAX_BODY_BYTES", 1 << 20)
    with serving(repeats(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)) as target:
        outcome = visit(name, target, tmp_path)

    assert (outcome.requests, outcome.failures) == (0, {"long body": 2})


@pytest.mark.parametrize(
    ("name", "failures"),
    [
        ("wrk", {"no answer": 1}),
        ("hey", {"no answer": 2}),
        ("h2load", {"timeout": 1, "not sent": 1}),
        *((name, {"timeout": 2}) for name in ("k6", "locust", "molotov")),
    ],
)
def test_a_silent_server_is_waited_for_as_long_as_asked(name: str, failures: Mapping[str, int], tmp_path: Path) -> None:
    with serving(stays_silent) as target:
        outcome = visit(name, target, tmp_path)

    assert (outcome.requests, outcome.failures) == (0, failures)


def test_ab_ends_when_a_server_is_silent(tmp_path: Path) -> None:
    with serving(stays_silent) as target, pytest.raises(LoadError, match="timeout specified has expired"):
        visit("ab", target, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_that_is_cut_short(name: str, tmp_path: Path) -> None:
    with serving(says(whole(fields=CLOSES)[:-5])) as target:
        outcome = visit(name, target, tmp_path)

    kinds = {"wrk": {"read": 2}, "h2load": {"no whole answer": 1, "not sent": 1}}
    cut_short = {} if name in TAKES_WHAT_IS_CUT_FOR_RIGHT else kinds.get(name, {"short body": 2})
    assert (outcome.requests, outcome.failures) == (0 if cut_short else 2, cut_short)


@pytest.mark.parametrize("name", NAMES)
def test_a_port_that_refuses(name: str, tmp_path: Path) -> None:
    with serving(says(b"")) as target:
        pass

    if name in ENDS_WHEN_REFUSED:
        with pytest.raises(LoadError, match="Connection refused"):
            visit(name, target, tmp_path)
    else:
        kind = {"hey": "no answer", "h2load": "connect"}.get(name, "connection refused")
        assert visit(name, target, tmp_path).failures == {kind: 2}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("trusted", [True, False])
def test_a_server_with_tls(name: str, trusted: bool, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with serving(says(whole(fields=CLOSES)), server_side(authority if trusted else trustme.CA())) as target:
        outcome = visit(name, replace(target, ca_file=tmp_path / "authority.pem"), tmp_path / "run", tls=True)

    distrusted = name in CHECKS_CERTIFICATES and not trusted
    assert outcome.failures == ({"tls": 2} if distrusted else {})
    assert outcome.requests == (0 if distrusted else 2)


def server_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context
