"""Sends a target one request before it is measured, and explains a missing or wrong answer."""

import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from errno import EACCES
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import perf_counter_ns

from harness.errors import ConfigError, HarnessError, LoadError, StackError
from harness.load.burst import TIMEOUT
from harness.load.client import endpoint_of, fault_kind, receive
from harness.load.http_answer import (
    BAD_CHUNK,
    BAD_CODING,
    BAD_LENGTH,
    LONG_BODY,
    LONG_HEAD,
    MANY_INTERIM,
    MAX_HEAD_BYTES,
    MAX_INTERIM,
    MAX_LINE_BYTES,
    NOT_HTTP,
    Answer,
)
from harness.model import Arm, Reply, Settings, Target, request_for
from harness.model.http import MAX_BODY_BYTES, parse_url
from harness.testbed.servers.failures import refusal_hint

MAX_QUOTED_LENGTH = 80
NO_ANSWER_FAULTS = ("no answer", NOT_HTTP)  # possible while a server starts
MAX_SCHEME_PROBE_S = 1.0
# Answers of nginx, Go and Apache to plain HTTP on a TLS port.
_ABOUT_TLS = (b"HTTPS port", b"HTTP request to an HTTPS server", b"SSL-enabled server port")
_UNCLEAR = ("timeout", "reset", "no answer", "not http")
MAX_ADDRESSES = 8  # addresses of a name to try
MIN_ADDRESS_S = 0.05  # minimum timeout of each address

PLAIN_HTTP = "plain http"
AUTHORITY_ADVICE = "Set authority to the certificate of its CA."
_RENEW_ADVICE = "Renew the certificate, or correct the clock of this machine."
_NAME_ADVICE = "Use the name of the certificate in the url, or create a certificate for this name."
_TRUST_ADVICE = {  # by the code of X509_verify_cert_error_string(3)
    9: _RENEW_ADVICE,  # not yet valid
    10: _RENEW_ADVICE,  # expired
    18: "Set authority to that certificate.",  # self-signed
    62: _NAME_ADVICE,
    64: _NAME_ADVICE,
}
_ENABLE_TLS = "Enable TLS 1.2 or 1.3 in the server."
_NO_VERSION = f"the server offers no TLS version that this Python accepts. {_ENABLE_TLS}"
_NO_CIPHER = f"the server and this Python have no common cipher or protocol. {_ENABLE_TLS}"
_HANDSHAKE_FAULTS = {  # by OpenSSL's reason
    "UNSUPPORTED_PROTOCOL": _NO_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_VERSION,
    "NO_PROTOCOLS_AVAILABLE": _NO_VERSION,
    "VERSION_TOO_LOW": _NO_VERSION,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _NO_CIPHER,
    "NO_SHARED_CIPHER": _NO_CIPHER,
    "HANDSHAKE_FAILURE_ON_CLIENT_HELLO": _NO_CIPHER,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server requires a client certificate, which barehop does not have. "
    "Use plain http.",
    "WRONG_VERSION_NUMBER": PLAIN_HTTP,
    "HTTP_REQUEST": PLAIN_HTTP,
    "RECORD_LAYER_FAILURE": PLAIN_HTTP,
    "PACKET_LENGTH_TOO_LONG": PLAIN_HTTP,
    "UNEXPECTED_MESSAGE": PLAIN_HTTP,
}


def probe_target(target: Target, path: str, timeout_s: float | None = None) -> Reply | str:
    """Request `path` of the target; return the reply, or a few words on why there is none.

    The whole answer must come within `timeout_s`, by default the target's. Raises StackError if an answer begins but
    does not end, is truncated, too large or not valid HTTP.
    """
    limited = replace(target, path=path, timeout_s=timeout_s or target.timeout_s, expected_answer=None)
    answer = Answer(to_close=not target.keepalive)
    try:
        endpoint = endpoint_of(limited)
        start_ns = perf_counter_ns()
        with endpoint.open_socket() as sock:
            sock.connect(endpoint.address)
            sock.sendall(endpoint.request)
            receive(sock, answer, endpoint, start_ns)
    except OSError as error:
        if answer.received_bytes:
            raise StackError(
                f"{target.url} {_unfinished_answer_text(answer, fault_kind(error), target.timeout_s)}"
            ) from None
        return f"tls {_handshake_fault_text(error)}" if isinstance(error, ssl.SSLError) else fault_kind(error)
    fault = answer.fault()
    if fault in NO_ANSWER_FAULTS:
        return fault
    if fault and (answer.head is None or 200 <= answer.head.status < 300):
        raise StackError(f"{target.url} {_fault_text(fault, answer)}")
    return _make_reply(answer)


def _make_reply(answer: Answer) -> Reply:
    assert answer.head
    lines = answer.raw_head.decode("latin-1").split("\r\n")[1:]
    fields = (line.partition(":") for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return Reply(answer.head.status, headers, bytes(answer.body.kept), answer.body.size_bytes)


def quote_server_text(text: str) -> str:
    """Return text of a server in a printable form: one short line without control characters."""
    return json.dumps(text if len(text) <= MAX_QUOTED_LENGTH else f"{text[:MAX_QUOTED_LENGTH]} ...")


def _unfinished_answer_text(answer: Answer, kind: str, timeout_s: float) -> str:
    """Return the end of a sentence about an answer that began but did not end."""
    answer.fault()  # parses the collected pieces
    if answer.violation:
        return _fault_text(answer.violation, answer)
    if kind != TIMEOUT:
        return f"sends an answer that is truncated after {answer.received_bytes} bytes: {kind}. Fix the application."
    within = f"within {timeout_s:g} s, its timeout_s"
    if answer.head is None:
        return f"did not send a complete head {within}; {answer.received_bytes} bytes came. Fix the application."
    if answer.body.is_whole:
        return (
            f"answers, but did not close its connection {within}, although the request has Connection: close. "
            "Set client_keepalive = true, or fix the server."
        )
    kind = f" of {quote_server_text(answer.head.kind)}" if answer.head.kind else ""
    return (
        f"did not end its answer {within}; {answer.body.size_bytes} bytes{kind} came. barehop cannot measure endless "
        "streams. Request another path, or set a longer timeout_s if it is only slow."
    )


def _fault_text(fault: str, answer: Answer) -> str:
    """Return the end of a sentence that begins with the url."""
    body, mib = answer.body.size_bytes, 1024 * 1024
    announced = answer.header("content-length")
    too_long = f"announces {announced[:40]}" if announced else f"sends {body} and more"
    sentences = {
        "short body": f"answers with a body that is truncated after {body} bytes. Fix the application.",
        "short head": f"ends its answer within the head, after {answer.received_bytes} bytes. Fix the application.",
        "excess bytes": f"sends more than the {body} bytes of body that it announced. Fix the application.",
        "empty body": "answers without a body, and does not announce that it has none. Fix the application.",
        LONG_BODY: f"{too_long} bytes; barehop reads at most {MAX_BODY_BYTES // mib} MiB of an answer. Request less.",
        LONG_HEAD: f"sends a head of more than {MAX_HEAD_BYTES // 1024} KiB. Fix the application.",
        MANY_INTERIM: f"sends over {MAX_INTERIM} answers like 100 Continue, and no final one. Fix the application.",
        BAD_LENGTH: f"announces a Content-Length of {quote_server_text(announced)}, which is not a size. "
        "Fix the application.",
        BAD_CODING: f"sends a Transfer-Encoding of {quote_server_text(answer.header('transfer-encoding'))}; "
        "only chunked is supported. Fix the application.",
        BAD_CHUNK: f"sends a chunk size that is invalid, or longer than {MAX_LINE_BYTES} bytes, after {body} bytes of "
        "its body. Fix the application.",
    }
    return sentences[fault]


def scheme_problem(target: Target, reply: Reply | str) -> str:
    """Return the end of a sentence about the scheme that the url needs; "" if no error is detected."""
    if target.socket:
        return ""
    if target.is_encrypted:
        unclear = isinstance(reply, str) and (reply in _UNCLEAR or reply.startswith("tls the server closed"))
        plain = reply == f"tls {PLAIN_HTTP}" or (unclear and _speaks_plain_http(target))
        return "speaks plain HTTP on this port, not TLS. Write http:// instead of https://." if plain else ""
    if isinstance(reply, Reply):
        encrypts = reply.status == 400 and any(words in reply.body for words in _ABOUT_TLS)
    else:
        encrypts = reply in _UNCLEAR and _speaks_tls(target)
    return "speaks TLS on this port, not plain HTTP. Write https:// instead of http://." if encrypts else ""


def _speaks_plain_http(target: Target) -> bool:
    plain = replace(target, tls=False, ca_file=None)
    try:
        return isinstance(probe_target(plain, target.path, min(target.timeout_s, MAX_SCHEME_PROBE_S)), Reply)
    except StackError:
        return True


def _speaks_tls(target: Target) -> bool:
    """Return whether a TLS handshake succeeds, with any certificate."""
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    endpoint = endpoint_of(target)
    try:
        with replace(
            endpoint, timeout_s=min(target.timeout_s, MAX_SCHEME_PROBE_S), tls=unverified
        ).open_socket() as sock:
            sock.connect(endpoint.address)
    except OSError:
        return False
    return True


def _handshake_fault_text(error: ssl.SSLError) -> str:
    """Return in few words why there is no connection, and what to do; PLAIN_HTTP if the server does not speak TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = _TRUST_ADVICE.get(error.verify_code, AUTHORITY_ADVICE)
        return f"certificate verify failed: {error.verify_message.rstrip('.')}. {advice}"
    reason = error.reason or ""
    if reason in _HANDSHAKE_FAULTS:
        return _HANDSHAKE_FAULTS[reason]
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the server closed the connection during the handshake. Write http:// if it does not speak TLS."
    return f"{(reason or str(error)).lower().replace('_', ' ')}. Correct the url, or the server."


def probe_service(arm: Arm) -> tuple[Target, Reply]:
    """Return the target with a resolved address, and its reply.

    Raises LoadError if the service does not answer or fails, ConfigError if the url is wrong.
    """
    name, settings = f"Arm {arm.name!r}", arm.settings
    target, reply = _first_answer(name, settings)
    if problem := scheme_problem(target, reply):
        raise ConfigError(f"{name}: the server of {settings.url} {problem}")
    if isinstance(reply, str):
        raise LoadError(_no_answer_text(name, settings, reply))
    if not 200 <= reply.status < 300:
        raise _status_error(name, settings, target, reply)
    return target, reply


def service_errors(arm: Arm) -> Iterator[HarnessError]:
    """Yield the error that keeps `arm` from being measured, if any."""
    try:
        probe_service(arm)
    except HarnessError as problem:
        yield problem


def service_target(settings: Settings) -> Target:
    """Return the target of `settings.url`, not yet resolved."""
    return replace(
        parse_url(settings.url),
        ca_file=Path(settings.authority) if settings.authority else None,
        keepalive=settings.client_keepalive,
        timeout_s=settings.timeout_s,
        request=request_for(settings, ""),
    )


def _first_answer(name: str, settings: Settings) -> tuple[Target, Reply | str]:
    """Return the first address of the host that answers, with its reply; else the last one and why it did not.

    All addresses together have the timeout of one answer.
    """
    target = service_target(settings)
    reply: Reply | str = "no address"
    ends_s = time.monotonic() + settings.timeout_s
    addresses = _resolve_host(name, target)[:MAX_ADDRESSES]
    for number, address in enumerate(addresses):
        target = replace(target, address=address)
        share_s = max((ends_s - time.monotonic()) / (len(addresses) - number), MIN_ADDRESS_S)
        try:
            reply = probe_target(target, target.path, share_s)
        except StackError as error:
            raise LoadError(f"{name}: {error}") from None
        if isinstance(reply, Reply):
            break
    return target, reply


def _resolve_host(name: str, target: Target) -> list[str]:
    """Return the addresses of the host. A thread waits for them, because the resolver has no timeout."""
    if target.socket:
        return [""]
    answers: Queue[list[str] | str] = Queue()

    def resolve() -> None:
        try:
            entries = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(address[0]) for *_, address in entries)))
        except (OSError, UnicodeError) as error:
            answers.put(getattr(error, "strerror", None) or str(error))

    Thread(target=resolve, daemon=True).start()
    try:
        addresses = answers.get(timeout=target.timeout_s)
    except Empty:
        addresses = f"the name servers did not answer within {target.timeout_s:g} s"
    if isinstance(addresses, str):
        raise LoadError(
            f"{name}: the host of {target.url} has no address: {addresses}. Correct the url, or the name resolution."
        )
    return addresses


def _no_answer_text(name: str, settings: Settings, why: str) -> str:
    url = f"{name}: {settings.url}"
    if why == TIMEOUT:
        return (
            f"{url} did not answer within {settings.timeout_s:g} s, its timeout_s. Fix the service, or set a longer "
            "timeout_s."
        )
    if why.startswith("tls certificate"):
        return f"{url} cannot be trusted: {why.removeprefix('tls ')}"
    if why.startswith("tls "):
        return f"{url} does not answer over TLS: {why.removeprefix('tls ')}"
    if why == os.strerror(EACCES).lower():
        return f"{url} cannot be reached: {why}. Run barehop as a user with write permission for that socket."
    path = parse_url(settings.url).socket
    if path and path.exists():
        why = f"{why}: no server listens on that socket" if path.is_socket() else f"{path} is not a socket"
    start = f"Start it: {settings.start}" if settings.start else "Start it, or correct the url."
    return f"{url} does not answer: {why}. {start}"


def _status_error(name: str, settings: Settings, target: Target, reply: Reply) -> HarnessError:
    status = f"{name}: {settings.url} answers with status {reply.status}"
    if 300 <= reply.status < 400:
        where = quote_server_text(reply.headers.get("location", ""))
        return ConfigError(f"{status} and redirects to {where}. Give the url that answers with 2xx.")
    hint = refusal_hint(settings, target.host_header, reply)
    advice = f" {hint}" if hint else ""
    if reply.status < 500:
        return ConfigError(f"{status} instead of 2xx. Correct the url.{advice}")
    return LoadError(f"{status} instead of 2xx. Fix the service; see its log.{advice}")
