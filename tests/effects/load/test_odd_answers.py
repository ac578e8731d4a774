"""Answers that do not end, break the rules or are not what the url says: one sentence in time, and little memory."""

import gzip
import os
import socket
import ssl
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.errors import ConfigError, HarnessError, LoadError
from harness.load.client import open_client
from harness.load.connections import open_pool
from harness.load.loops import closed_loop_burst
from harness.load.probe import probe_service, probe_target
from harness.model import Arm, Reply, Settings, Target
from tests.support.scripted_server import Answer, repeats, says, serving, stays_silent, whole

TIMEOUT_S = 0.5
PLENTY_S = 5.0  # for a machine that is busy; what has no limit takes longer than any test
MOST_MEMORY_BYTES = 16 * 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
EVENTS = OK + b"Content-Type: text/event-stream\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

TOO_MUCH = "MiB of an answer|did not end its answer"  # as fast as this machine is

ENDLESS = {
    "slow events": (repeats(EVENTS, b"data: x\n\n", 0.05), "did not end its answer within 0.5 s, its timeout_s"),
    "fast events": (repeats(EVENTS, b"data: " + b"x" * 65530), TOO_MUCH),
    "fast chunks": (repeats(CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n"), TOO_MUCH),
    "a byte at a time": (repeats(OK + b"Content-Length: 9999\r\n\r\n", b"x", 0.3), "did not end its answer"),
    "a head byte by byte": (repeats(OK + b"A: ", b"x", 0.3), "did not send a complete head within 0.5 s"),
    "headers": (repeats(OK, b"A: b\r\n" * 1000), "a head of more than 64 KiB"),
    "a chunk extension": (repeats(CHUNKED + b"5;", b"x" * 1000), "a chunk size that is invalid"),
    "trailers": (repeats(CHUNKED + b"1\r\nx\r\n0\r\n", b"A: b\r\n" * 1000), "a chunk size that is invalid"),
    "100 Continue": (repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "over 10 answers like 100 Continue"),
    "103 slowly": (repeats(b"", b"HTTP/1.1 103 Early\r\n\r\n", 0.2), "did not send a complete head"),
    "silence": (stays_silent, "did not answer within 0.5 s, its timeout_s"),
}

WRONG = {
    "20 digits": (OK + b"Content-Length: 99999999999999999999\r\n\r\nhello", "announces 99999999999999999999 bytes"),
    "negative": (OK + b"Content-Length: -1\r\n\r\nhello", 'a Content-Length of "-1", which is not a size'),
    "two sizes": (OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nhello", 'Content-Length of "4, 5"'),
    "no number": (OK + b"Content-Length: \x1b[31mmany\r\n\r\nhello", r'Content-Length of "\u001b[31mmany"'),
    "too long": (
        OK + b"Content-Length: 4\r\n\r\nhello",
        "sends more than the 4 bytes of body that it announced",
    ),
    "truncated": (OK + b"Content-Length: 6\r\n\r\nhello", "truncated after 5 bytes"),
    "cut chunk": (CHUNKED + b"ff\r\nhello", "truncated after 5 bytes"),
    "wrong chunk": (CHUNKED + b"2\r\nhello\r\n0\r\n\r\n", "a chunk size that is invalid"),
    "unannounced nothing": (OK + b"\r\n", "answers without a body"),
    "coded": (OK + b"Transfer-Encoding: br\r\n\r\nhello", 'a Transfer-Encoding of "br"'),
    "half a head": (OK + b"Content-", "ends its answer within the head, after 25 bytes"),
    "HTTP/0.9": (b"<html>hello</html>", "does not answer: not http"),
    "garbage": (os.urandom(10) * 1000, "does not answer: not http"),
}


def arm(url: str, **settings: Any) -> Arm:
    return Arm(name="docker", settings=Settings(url=url, timeout_s=TIMEOUT_S, **settings))


@contextmanager
def cheaply() -> Iterator[None]:
    """What happens inside takes neither long nor much memory."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
        assert time.monotonic() - began < PLENTY_S
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY_BYTES
    finally:
        tracemalloc.stop()


def problem_of(one: Arm, error: type[HarnessError] = LoadError) -> str:
    """The sentence that a service ends with."""
    with cheaply(), pytest.raises(error) as told:
        probe_service(one)
    sentence = str(told.value)
    assert sentence.startswith("Arm 'docker': ")
    assert "\n" not in sentence
    assert sentence.isprintable()
    return sentence


@pytest.mark.parametrize(("answer", "words"), ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("kept", [False, True])
def test_a_service_whose_answer_does_not_end_is_told_in_time(answer: Answer, words: str, kept: bool) -> None:
    with serving(answer, at_once=True) as target:
        sentence = problem_of(arm(f"http://127.0.0.1:{target.port}/", client_keepalive=kept))
    assert any(alternative in sentence for alternative in words.split("|"))


@pytest.mark.parametrize(("reply", "words"), WRONG.values(), ids=WRONG)
def test_an_answer_against_the_rules_is_told_with_what_it_breaks(reply: bytes, words: str) -> None:
    with serving(says(reply), at_once=True) as target:
        assert words in problem_of(arm(f"http://127.0.0.1:{target.port}/"))


@pytest.mark.parametrize("answer", [answer for answer, _ in ENDLESS.values()], ids=ENDLESS)
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("many", [False, True])
def test_a_burst_gives_up_an_answer_that_does_not_end(answer: Answer, kept: bool, many: bool) -> None:
    with serving(answer, keepalive=kept, at_once=True) as target, cheaply():
        limited = replace(target, timeout_s=TIMEOUT_S)
        if many:
            with open_pool(limited) as requests:
                seen = closed_loop_burst(requests, 1, 0, 1)
        else:
            with open_client(limited) as burst:
                seen = burst(0, 1)

    assert seen.failures
    assert not seen.latency_ns


def test_a_large_body_is_measured_without_being_kept() -> None:
    large = whole(bytes(64 * 1024 * 1024))
    with serving(says(large)) as target, cheaply():
        reply = probe_target(target, "/")
        with open_client(target) as burst:
            seen = burst(0, 1)

    assert isinstance(reply, Reply)
    assert reply.body_bytes == 64 * 1024 * 1024
    assert (seen.failures, len(seen.latency_ns)) == ({}, 1)


def test_a_slow_answer_on_a_kept_connection_leaves_the_next_one_all_its_time() -> None:
    def answer(connection: socket.socket, number: int) -> bool:
        connection.sendall(whole()[:-1])
        time.sleep(0.6 * TIMEOUT_S)
        connection.sendall(whole()[-1:])
        return True

    with serving(answer, keepalive=True) as target, open_client(replace(target, timeout_s=TIMEOUT_S)) as burst:
        assert burst(1, 3).failures == {}


def test_what_is_compressed_unasked_is_known_by_the_keys_inside() -> None:
    fields = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
    with serving(says(whole(gzip.compress(b'{"b": 1, "a": 2}'), fields=fields))) as target:
        _, reply = probe_service(arm(f"http://127.0.0.1:{target.port}/"))
    assert reply.shape.keys == ("a", "b")


def test_a_server_that_keeps_its_connection_though_asked_to_close_is_told() -> None:
    with serving(says(whole(), stays=True)) as target:
        assert "Set client_keepalive = true" in problem_of(arm(f"http://127.0.0.1:{target.port}/"))
        probe_service(arm(f"http://127.0.0.1:{target.port}/", client_keepalive=True))


CERTIFICATES: dict[str, tuple[dict[str, Any], str]] = {
    "another name": ({"identities": ["example.org"]}, "is not valid for"),
    "expired": (
        {"identities": ["localhost"], "not_after": datetime.now(UTC) - timedelta(days=1)},
        "certificate has expired. Renew the certificate",
    ),
    "unknown authority": ({"identities": ["localhost"], "named": False}, "Set authority to the certificate of its CA"),
}


@pytest.mark.parametrize(("made", "words"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_a_certificate_that_is_not_trusted_says_why(made: dict[str, Any], words: str, tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    how = {key: value for key, value in made.items() if key == "not_after"}
    authority.issue_cert(*made["identities"], **how).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    named = {"authority": str(tmp_path / "ca.pem")} if made.get("named", True) else {}
    with serving(says(whole()), context) as target:
        sentence = problem_of(arm(f"https://localhost:{target.port}/", **named))
    assert "cannot be trusted: certificate verify failed" in sentence
    assert words in sentence


def self_signed(directory: Path) -> Path:
    """A file with a key and a certificate of localhost that nobody but itself has signed."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = directory / "own.pem"
    path.write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_certificate_that_nobody_else_signed_is_to_be_named_itself_and_then_trusted(tmp_path: Path) -> None:
    own, context = self_signed(tmp_path), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    with serving(says(whole()), context) as target:
        url = f"https://localhost:{target.port}/"
        sentence = problem_of(arm(url))
        assert "self-signed certificate. Set authority to that certificate." in sentence
        probe_service(arm(url, authority=str(own)))


def test_plain_http_behind_https_says_which_scheme_to_write() -> None:
    words = "speaks plain HTTP on this port, not TLS. Write http:// instead of https://."
    with serving(says(whole()), at_once=True) as waits_for_the_end_of_a_head:
        assert words in problem_of(arm(f"https://localhost:{waits_for_the_end_of_a_head.port}/"), ConfigError)
    with serving(stays_silent, at_once=True) as silent:
        assert words not in problem_of(arm(f"https://localhost:{silent.port}/"))


def test_a_server_that_answers_a_handshake_in_plain_http_says_which_scheme_to_write() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_answers_anything, args=(listener,))
        thread.start()
        sentence = problem_of(arm(f"https://127.0.0.1:{listener.getsockname()[1]}/"), ConfigError)
        thread.join()
    assert "speaks plain HTTP on this port, not TLS" in sentence


def _answers_anything(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def refuses_plain(authority: trustme.CA) -> Answer:
    """A port of TLS as nginx has it: to plain HTTP it says so."""
    return says(whole(b"<h1>400</h1>The plain HTTP request was sent to HTTPS port", "400 Bad Request"))


def test_https_behind_http_says_which_scheme_to_write() -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    for answer, tls in ((refuses_plain(authority), None), (says(whole()), context)):
        with serving(answer, tls, at_once=True) as target:
            sentence = problem_of(arm(f"http://localhost:{target.port}/"), ConfigError)
            assert "speaks TLS on this port, not plain HTTP. Write https:// instead of http://." in sentence


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_server_without_a_version_of_tls_in_common_is_told() -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with serving(says(whole()), context) as target:
        assert "Enable TLS 1.2 or 1.3" in problem_of(arm(f"https://localhost:{target.port}/"))


def test_what_is_in_the_place_of_a_unix_socket_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "left"))
    expected = {
        "file": "is not a socket",
        "directory": "is not a socket",
        "left": "connection refused: no server listens on that socket",
        "nowhere": "no such file or directory",
        "file/below": "not a directory",
    }
    for name, words in expected.items():
        quoted = str(tmp_path / name).replace("/", "%2F")
        sentence = problem_of(arm(f"http+unix://{quoted}/"))
        assert words in sentence
        assert sentence.endswith("Start it, or correct the url.")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to be refused")
def test_a_socket_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    path = Path("/tmp") / f"{tmp_path.name}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o600)
        os.seteuid(65534)
        try:
            sentence = problem_of(arm(f"http+unix://{str(path).replace('/', '%2F')}/"))
        finally:
            os.seteuid(0)
            path.unlink()
    assert "permission denied. Run barehop as a user with write permission for that socket." in sentence


def test_the_names_of_a_host_are_waited_for_no_longer_than_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow_names(*_: object, **__: object) -> list[object]:
        time.sleep(3)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow_names)
    assert "the name servers did not answer within 0.5 s" in problem_of(arm("http://somewhere.example/"))


def test_all_addresses_of_a_host_share_the_time_of_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(stays_silent, at_once=True) as target:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (f"127.0.0.{last}", target.port)) for last in range(1, 9)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        began = time.monotonic()
        with pytest.raises(LoadError):
            probe_service(Arm(name="docker", settings=Settings(url=f"http://some.example:{target.port}/", timeout_s=1)))
        assert time.monotonic() - began < 6


def changes_after(requests: int, first: bytes, then: bytes) -> Answer:
    seen = iter(range(10**6))

    def answer(connection: socket.socket, number: int) -> bool:
        connection.sendall(first if next(seen) < requests else then)
        return False

    return answer


JSON = "Content-Type: application/json\r\n"
HELLO = whole(b'{"hello": "world"}', fields=JSON)
CHANGED = {
    "status 204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "another content type": whole(b"<html>hello</html>", fields="Content-Type: text/html\r\n"),
    "another size": whole(b"", fields=JSON),
    "other JSON keys": whole(b'{"error": "world"}', fields=JSON),
}


@pytest.mark.parametrize(("fault", "then"), CHANGED.items(), ids=CHANGED)
@pytest.mark.parametrize("many", [False, True])
def test_an_answer_that_changes_is_a_failed_request(fault: str, then: bytes, many: bool) -> None:
    with serving(changes_after(4, HELLO, then), at_once=True) as target:
        reply = probe_target(target, "/")
        assert isinstance(reply, Reply)
        held = replace(target, expected_answer=reply.shape)
        if many:
            with open_pool(held) as requests:
                seen = closed_loop_burst(requests, 1, 0, 8)
        else:
            with open_client(held) as burst:
                seen = burst(0, 8)

    assert set(seen.failures) == {fault}


def test_an_answer_that_stays_the_same_fails_no_request() -> None:
    varying = iter(whole(b'{"hello": "%b"}' % (b"x" * number), fields=JSON) for number in range(40))

    def answer(connection: socket.socket, number: int) -> bool:
        connection.sendall(next(varying))
        return False

    with serving(answer) as target:
        reply = probe_target(target, "/")
        assert isinstance(reply, Reply)
        with open_client(Target(target.host, target.port, "/", expected_answer=reply.shape)) as burst:
            assert burst(5, 30).failures == {}
