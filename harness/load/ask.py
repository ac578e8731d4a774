"""One question to whoever serves an arm, untimed: is it there, and who answered?"""

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
WITHOUT_ANSWER = ("no answer", NOT_HTTP)  # a server that is not there yet may do so


def ask(target: Target, path: str, timeout_s: float | None = None) -> Reply | str:
    """The answer to the target's request for `path`, or a few words on why there is none.

    All of it must come within `timeout_s`, or else the target's. Raises StackError where an answer begins and is none
    that can be measured: one that does not end, is cut short, too large or against the rules of HTTP.
    """
    limited = replace(target, path=path, timeout_s=timeout_s or target.timeout_s, proved=None)
    got = Answer(to_close=not target.keepalive)
    try:
        _exchange(limited, got)
    except OSError as error:
        if got.received_bytes:
            raise StackError(f"{target.url} {_broken_off(got, kind_of(error), target.timeout_s)}") from None
        return f"tls {handshake_fault(error)}" if isinstance(error, ssl.SSLError) else kind_of(error)
    fault = got.fault()
    if fault in WITHOUT_ANSWER:
        return fault
    if fault and (got.head is None or 200 <= got.head.status < 300):
        raise StackError(f"{target.url} {_sentence(fault, got)}")
    return _reply(got)


def _exchange(target: Target, got: Answer) -> None:
    endpoint, request = endpoint_of(target), request_of(target)
    start_ns = perf_counter_ns()
    with endpoint.unconnected() as sock:
        sock.connect(endpoint.address)
        sock.sendall(request)
        receive(sock, got, endpoint, start_ns)


def _reply(got: Answer) -> Reply:
    assert got.head
    lines = got.raw_head.decode("latin-1").split("\r\n")[1:]
    fields = (line.partition(":") for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return Reply(got.head.status, headers, got.body, got.body_bytes)


def quoted(text: str) -> str:
    """What a server sent, as it can be shown: on one line, not too long, and nothing that a terminal would obey."""
    return json.dumps(text if len(text) <= LONGEST_QUOTED else f"{text[:LONGEST_QUOTED]} ...")


def _broken_off(got: Answer, kind: str, timeout_s: float) -> str:
    """The end of a sentence on an answer that began, and then did not go on."""
    got.fault()  # takes in what was gathered
    if got.breach:
        return _sentence(got.breach, got)
    if kind != TIMEOUT:
        return f"answers, and is cut short after {got.received_bytes} bytes: {kind}. Mend the application."
    within = f"within {timeout_s:g} s, its timeout_s"
    if got.head is None:
        return f"has not sent a whole head {within}; {got.received_bytes} bytes came. Mend the application."
    if got.is_whole:
        return (
            f"answers, but has not closed its connection {within}, though it was asked to. "
            "Set client_keepalive = true, or mend the server."
        )
    kind = f" of {quoted(got.head.kind)}" if got.head.kind else ""
    return (
        f"has not ended its answer {within}; {got.body_bytes} bytes{kind} came. barehop measures answers that end, and "
        "no endless streams. Ask for another path, or set a longer timeout_s if it is only slow."
    )


def _sentence(fault: str, got: Answer) -> str:
    """The end of a sentence that begins with the url."""
    body, mib = got.body_bytes, 1024 * 1024
    announced = got.field("content-length")
    too_long = f"announces {announced[:40]}" if announced else f"sends {body} and more"
    sentences = {
        "short body": f"answers with a body that is cut short after {body} bytes. Mend the application.",
        "short head": f"ends its answer within the head, after {got.received_bytes} bytes. Mend the application.",
        "excess bytes": f"sends more than the body that it announced, which has {body} bytes. Mend the application.",
        "empty body": "answers without a body, and does not announce that it has none. Mend the application.",
        LONG: f"{too_long} bytes; barehop reads at most {MOST_BODY_BYTES // mib} MiB of an answer. Ask for less.",
        LONG_HEAD: f"sends a head of more than {MOST_HEAD_BYTES // 1024} KiB. Mend the application.",
        MANY_INTERIM: f"sends over {MOST_INTERIM} answers like 100 Continue, and no final one. Mend the application.",
        BAD_LENGTH: f"announces a Content-Length of {quoted(announced)}, which is no size. Mend the application.",
        BAD_CODING: f"sends a Transfer-Encoding of {quoted(got.field('transfer-encoding'))}; chunked is read. "
        "Mend the application.",
        BAD_CHUNK: f"sends a chunk whose size is wrong, or written in more than {MOST_LINE_BYTES} bytes, after "
        f"{body} bytes of its body. Mend the application.",
    }
    return sentences[fault]
