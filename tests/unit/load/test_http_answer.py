"""Where an answer ends does not depend on the pieces it comes in, and every kind of wrong has its name."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.load.http_answer import KEPT_BYTES, MAX_HEAD_BYTES, MAX_LINE_BYTES, Answer
from harness.model.http import MAX_BODY_BYTES, AnswerShape

STATUSES = st.sampled_from(["200 OK", "201 Created", "206 "])
NAMES = st.sampled_from([str.lower, str.upper, str.title])
FIELDS = st.sampled_from(["", "Server: nginx\r\n", "X-Content-Length: 7\r\n", "Set-Cookie: a=b\r\n"])


@st.composite
def sized(draw: st.DrawFn) -> bytes:
    """An answer that says how long it is."""
    name = draw(NAMES)("Content-Length")
    body = draw(st.binary(max_size=300))
    head = f"HTTP/1.1 {draw(STATUSES)}\r\n{draw(FIELDS)}{name}: {len(body)}\r\n{draw(FIELDS)}\r\n"
    return head.encode() + body


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    """An answer in chunks, with and without extensions and trailers."""
    name = draw(NAMES)("Transfer-Encoding")
    chunks = draw(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=5))
    extension = draw(st.sampled_from([b"", b";a=b"]))
    trailers = draw(st.sampled_from([b"", b"A: b\r\n", b"A: b\r\nC: d\r\n"]))
    head = f"HTTP/1.1 {draw(STATUSES)}\r\n{draw(FIELDS)}{name}: chunked\r\n\r\n".encode()
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    return head + body + b"0\r\n" + trailers + b"\r\n"


ANSWERS = st.one_of(sized(), chunked())


def received(pieces: list[bytes], *, to_close: bool = False) -> Answer:
    """The answer in `pieces`, read as far as a client does."""
    answer = Answer(to_close=to_close)
    for piece in pieces:
        if answer.add(piece):
            break
    return answer


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % len(whole) for place in places), len(whole)]
    return [whole[start:end] for start, end in pairwise(edges)]


@given(ANSWERS, st.lists(st.integers(min_value=0), max_size=12), st.booleans())
def test_any_split_into_pieces_is_the_same_answer(answer: bytes, places: list[int], to_close: bool) -> None:
    pieces = cut(answer, places)
    at_once, in_pieces = received([answer], to_close=to_close), received(pieces, to_close=to_close)

    assert in_pieces.fault() is at_once.fault() is None
    assert in_pieces.received_bytes == len(answer)
    assert (in_pieces.body.kept, in_pieces.head) == (at_once.body.kept, at_once.head)


@given(ANSWERS, st.lists(st.integers(min_value=0), max_size=12))
def test_an_answer_is_whole_with_its_last_byte_and_not_before(answer: bytes, places: list[int]) -> None:
    reading = Answer()
    ends = [reading.add(piece) for piece in cut(answer, places) if piece]

    assert ends == [*[False] * (len(ends) - 1), True]


@given(ANSWERS, st.integers(min_value=0))
def test_no_part_of_an_answer_is_right(answer: bytes, place: int) -> None:
    part = answer[: place % len(answer)]

    assert received([part]).fault() in {"no answer", "short head", "short body"}


@given(ANSWERS, st.binary(min_size=1))
def test_nothing_may_follow_an_answer(answer: bytes, more: bytes) -> None:
    assert received([answer + more]).fault() == "excess bytes"


@given(st.binary(min_size=7))
def test_bytes_that_do_not_begin_like_an_answer_are_none(data: bytes) -> None:
    assume(not data.startswith(b"HTTP/1."))

    assert received([data]).fault() == "not http"


@given(st.sampled_from(["", "Content-Length: ", "Transfer-Encoding: chunked\r\n\r\n"]), st.binary())
def test_no_bytes_after_a_status_line_confuse_the_reader(field: str, data: bytes) -> None:
    answer = f"HTTP/1.1 200 OK\r\n{field}".encode() + data + b"\r\n\r\n"
    in_pieces = [answer[place : place + 1] for place in range(len(answer))]

    assert received(in_pieces, to_close=True).fault() == received([answer], to_close=True).fault()


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1", False),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive", False),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nconnection: Close", True),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1", True),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive", False),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", False),
        ("HTTP/1.1 200 OK", True),
        ("HTTP/1.1 204 No Content", False),
    ],
)
def test_the_head_says_whether_the_connection_stays(head: str, closes: bool) -> None:
    assert received([head.encode() + b"\r\n\r\n"]).closes == closes


def sized_as(length: str, body: bytes = b"hello") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: " + length.encode() + b"\r\n\r\n" + body


def in_chunks(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


WRONG = [
    (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "status 502"),
    (b"HTTP/1.1 101 Switching\r\n\r\n", "status 101"),
    (b"HTTP/1.1 100 Continue\r\n\r\n", "short head"),
    (11 * b"HTTP/1.1 100 Continue\r\n\r\n", "interim answers without an end"),
    (b"HTTP/1.1 200 OK\r\n\r\n", "empty body"),
    (b"HTTP/1.1 two hundred\r\n\r\n", "not http"),
    (b"HTTP/2 200 OK\r\n\r\n", "not http"),
    (b"<html>hello</html>", "not http"),
    (b"HTTP/1.1 200 OK\r\nA: " + (MAX_HEAD_BYTES + 1) * b"a", "long head"),
    (sized_as(5000 * "9"), "long body"),
    (sized_as(20 * "9"), "long body"),
    (sized_as(str(MAX_BODY_BYTES + 1)), "long body"),
    (sized_as("-5"), "bad content-length"),
    (sized_as("+5"), "bad content-length"),
    (sized_as("five"), "bad content-length"),
    (sized_as(""), "bad content-length"),
    (sized_as("5, 6"), "bad content-length"),
    (sized_as("5\r\nContent-Length: 6"), "bad content-length"),
    (sized_as("4"), "excess bytes"),
    (sized_as("6"), "short body"),
    (in_chunks(b""), "short body"),
    (in_chunks(b"0\r\n\r\n"), "empty body"),
    (in_chunks(b"xyz\r\n"), "bad chunk"),
    (in_chunks(b"-5\r\nhello\r\n0\r\n\r\n"), "bad chunk"),
    (in_chunks(b"4\r\nhello\r\n0\r\n\r\n"), "bad chunk"),
    (in_chunks(b"6\r\nhello\r\n0\r\n\r\n"), "bad chunk"),
    (in_chunks(b"5;" + MAX_LINE_BYTES * b"x"), "bad chunk"),
    (in_chunks(b"5\r\nhello\r\n0\r\n" + 20000 * b"A: b\r\n"), "bad chunk"),
    (in_chunks(b"fffffffffff\r\n"), "long body"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello", "unknown transfer-encoding"),
]


@pytest.mark.parametrize(("data", "kind"), WRONG, ids=[f"{kind} {number}" for number, (_, kind) in enumerate(WRONG)])
@pytest.mark.parametrize("to_close", [False, True])
def test_a_wrong_answer_has_one_name(data: bytes, kind: str, to_close: bool) -> None:
    in_pieces = [data[place : place + 997] for place in range(0, len(data), 997)]

    assert received([data], to_close=to_close).fault() == kind
    assert received(in_pieces, to_close=to_close).fault() == kind


@pytest.mark.parametrize("length", ["5", "05", "5, 5", "5\r\nContent-Length: 5"])
def test_the_same_size_may_be_announced_more_than_once(length: str) -> None:
    assert received([sized_as(length)]).fault() is None


def test_interim_answers_are_passed_over() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"

    answer = received([early + sized_as("5")])
    assert (answer.fault(), bytes(answer.body.kept)) == (None, b"hello")


@pytest.mark.parametrize(
    "beginning",
    [b"HTTP/1.1 200 OK\r\n\r\n", in_chunks(b""), b"HTTP/1.1 200 OK\r\n", in_chunks(b"5;"), in_chunks(b"0\r\n")],
    ids=["body", "chunks", "head", "chunk extension", "trailers"],
)
@pytest.mark.parametrize("to_close", [False, True])
def test_what_does_not_end_is_given_up_and_takes_no_memory(beginning: bytes, to_close: bool) -> None:
    answer = Answer(to_close=to_close)
    line = b"x" * 65536 if beginning.endswith((b"OK\r\n\r\n", b"OK\r\n", b"5;")) else b"A: b\r\n" * 8192
    piece = b"10000\r\n" + bytes(65536) + b"\r\n" if beginning == in_chunks(b"") else line
    ends = answer.add(beginning)
    sent_bytes = 0
    while not ends:
        ends = answer.add(piece)
        sent_bytes += len(piece)
        assert sent_bytes < 2 * MAX_BODY_BYTES
        assert len(answer.body.kept) <= KEPT_BYTES

    assert answer.fault() in {"long body", "bad chunk", "long head"}


PROVED = AnswerShape(200, 80, "application/json", ("hello",))


@pytest.mark.parametrize(
    ("status", "kind", "body", "fault"),
    [
        ("200 OK", "application/json", b'{"hello": "world"}', None),
        ("200 OK", "Application/JSON; charset=utf-8", b'{"hello": "world"}', None),
        ("201 Created", "application/json", b'{"hello": "world"}', "status 201"),
        ("204 No Content", "application/json", b"", "status 204"),
        ("200 OK", "text/html", b"<html>hello</html>", "another content type"),
        ("200 OK", "application/json", b"", "another size"),
        ("200 OK", "application/json", b"9" * 1000, "another size"),
    ],
)
def test_an_answer_that_is_not_like_the_proved_one_is_wrong(
    status: str, kind: str, body: bytes, fault: str | None
) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"

    assert received([head.encode() + body]).fault(PROVED) == fault


@pytest.mark.parametrize(("body", "other"), [(b'{"hello": 1}', False), (b'{"error": 1}', True), (b"[1, 2]", True)])
def test_the_keys_of_json_are_compared_with_those_proved(body: bytes, other: bool) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"

    assert received([head.encode() + body]).has_other_keys(PROVED) == other
