"""Where an answer ends does not depend on the pieces it comes in, and every kind of wrong has its name."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.load.answer import body_end, fault, read_head

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


def receive(pieces: list[bytes]) -> tuple[int | None, bytes]:
    """Where the answer ended, and what had come by then."""
    data = b""
    for piece in pieces:
        data += piece
        head = read_head(data)
        if head and (end := body_end(head, data)) is not None:
            return end, data
    return None, data


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % len(whole) for place in places), len(whole)]
    return [whole[start:end] for start, end in pairwise(edges)]


@given(ANSWERS, st.lists(st.integers(min_value=0), max_size=12))
def test_any_split_into_pieces_ends_at_the_same_byte(answer: bytes, places: list[int]) -> None:
    end, data = receive(cut(answer, places))

    assert end == len(answer)
    assert data == answer
    assert fault(read_head(data), data) is None


@given(ANSWERS, st.integers(min_value=0))
def test_no_part_of_an_answer_is_right(answer: bytes, place: int) -> None:
    part = answer[: place % len(answer)]

    assert fault(read_head(part), part) in {"no answer", "short head", "short body", "not http"}


@given(ANSWERS, st.binary(min_size=1))
def test_nothing_may_follow_an_answer(answer: bytes, more: bytes) -> None:
    assert fault(read_head(answer), answer + more) == "excess bytes"


@given(st.binary())
def test_bytes_that_do_not_begin_like_an_answer_are_none(data: bytes) -> None:
    assume(not data.startswith(b"HTTP/1."))

    assert fault(read_head(data), data) in {"no answer", "not http"}


@given(st.sampled_from(["", "Content-Length: ", "Transfer-Encoding: chunked\r\n\r\n"]), st.binary())
def test_no_bytes_after_a_status_line_confuse_the_reader(field: str, data: bytes) -> None:
    answer = f"HTTP/1.1 200 OK\r\n{field}".encode() + data + b"\r\n\r\n"
    end, _ = receive([answer])

    assert end is None or end <= len(answer)


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
    found = read_head(head.encode() + b"\r\n\r\n")

    assert found is not None
    assert found.closes == closes


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "status 502"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "status 100"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "empty body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "short body"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "empty body"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + 5000 * b"9" + b"\r\n\r\n", "empty body"),
        (b"HTTP/1.1 two hundred\r\n\r\n", "not http"),
        (b"HTTP/2 200 OK\r\n\r\n", "not http"),
    ],
)
def test_a_wrong_answer_has_one_name(data: bytes, kind: str) -> None:
    assert fault(read_head(data), data) == kind
