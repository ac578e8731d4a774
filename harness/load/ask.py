"""Send one untimed request to a target and return its reply."""

import json
import ssl
from dataclasses import replace
from time import perf_counter_ns

from harness.errors import StackError
from harness.load.answer import (
    BAD_CODING,
    BAD_LENGTH,
    LONG_HEAD,
    MANY_INTERIM,
    MOST_HEAD_BYTES,
    MOST_INTERIM,
    NOT_HTTP,
    Answer,
)
from harness.load.body import BAD_CHUNK, LONG, MOST_LINE_BYTES
from harness.load.client import endpoint_of, request_of
from harness.load.exchange import receive
from harness.load.faults import TIMEOUT, kind_of
from harness.load.tls_faults import handshake_fault
from harness.model import Reply, Target
from harness.model.answers import MOST_BODY_BYTES

LONGEST_QUOTED = 80
WITHOUT_ANSWER = ("no answer", NOT_HTTP)  # possible while a server starts


def ask(target: Target, path: str, timeout_s: float | None = None) -> Reply | str:
    """Request `path` of the target; return the reply, or a few words on why there is none.

    The whole answer must come within `timeout_s`, by default the target's. Raises StackError if an answer begins but
    does not end, is truncated, too large or not valid HTTP.
    """
    limited = replace(target, path=path, timeout_s=timeout_s or target.timeout_s, proved=None)
    answer = Answer(to_close=not target.keepalive)
    try:
        _exchange(limited, answer)
    except OSError as error:
        if answer.received_bytes:
            raise StackError(f"{target.url} {_broken_off(answer, kind_of(error), target.timeout_s)}") from None
        return f"tls {handshake_fault(error)}" if isinstance(error, ssl.SSLError) else kind_of(error)
    fault = answer.fault()
    if fault in WITHOUT_ANSWER:
        return fault
    if fault and (answer.head is None or 200 <= answer.head.status < 300):
        raise StackError(f"{target.url} {_sentence(fault, answer)}")
    return _reply(answer)


def _exchange(target: Target, answer: Answer) -> None:
    endpoint, request = endpoint_of(target), request_of(target)
    start_ns = perf_counter_ns()
    with endpoint.unconnected() as sock:
        sock.connect(endpoint.address)
        sock.sendall(request)
        receive(sock, answer, endpoint, start_ns)


def _reply(answer: Answer) -> Reply:
    assert answer.head
    lines = answer.raw_head.decode("latin-1").split("\r\n")[1:]
    fields = (line.partition(":") for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return Reply(answer.head.status, headers, answer.body, answer.body_bytes)


def quoted(text: str) -> str:
    """Return text of a server in a printable form: one short line without control characters."""
    return json.dumps(text if len(text) <= LONGEST_QUOTED else f"{text[:LONGEST_QUOTED]} ...")


def _broken_off(answer: Answer, kind: str, timeout_s: float) -> str:
    """Return the end of a sentence about an answer that began but did not end."""
    answer.fault()  # parses the collected pieces
    if answer.breach:
        return _sentence(answer.breach, answer)
    if kind != TIMEOUT:
        return f"sends an answer that is truncated after {answer.received_bytes} bytes: {kind}. Fix the application."
    within = f"within {timeout_s:g} s, its timeout_s"
    if answer.head is None:
        return f"did not send a complete head {within}; {answer.received_bytes} bytes came. Fix the application."
    if answer.is_whole:
        return (
            f"answers, but did not close its connection {within}, although the request has Connection: close. "
            "Set client_keepalive = true, or fix the server."
        )
    kind = f" of {quoted(answer.head.kind)}" if answer.head.kind else ""
    return (
        f"did not end its answer {within}; {answer.body_bytes} bytes{kind} came. barehop cannot measure endless "
        "streams. Request another path, or set a longer timeout_s if it is only slow."
    )


def _sentence(fault: str, answer: Answer) -> str:
    """Return the end of a sentence that begins with the url."""
    body, mib = answer.body_bytes, 1024 * 1024
    announced = answer.field("content-length")
    too_long = f"announces {announced[:40]}" if announced else f"sends {body} and more"
    sentences = {
        "short body": f"answers with a body that is truncated after {body} bytes. Fix the application.",
        "short head": f"ends its answer within the head, after {answer.received_bytes} bytes. Fix the application.",
        "excess bytes": f"sends more than the {body} bytes of body that it announced. Fix the application.",
        "empty body": "answers without a body, and does not announce that it has none. Fix the application.",
        LONG: f"{too_long} bytes; barehop reads at most {MOST_BODY_BYTES // mib} MiB of an answer. Request less.",
        LONG_HEAD: f"sends a head of more than {MOST_HEAD_BYTES // 1024} KiB. Fix the application.",
        MANY_INTERIM: f"sends over {MOST_INTERIM} answers like 100 Continue, and no final one. Fix the application.",
        BAD_LENGTH: f"announces a Content-Length of {quoted(announced)}, which is not a size. Fix the application.",
        BAD_CODING: f"sends a Transfer-Encoding of {quoted(answer.field('transfer-encoding'))}; only chunked is "
        "supported. Fix the application.",
        BAD_CHUNK: f"sends a chunk size that is invalid, or longer than {MOST_LINE_BYTES} bytes, after {body} bytes of "
        "its body. Fix the application.",
    }
    return sentences[fault]
