"""Whether two answers are of one kind."""

import pytest

from harness.model import Reply
from harness.session.targets import answer_mismatches

HELLO = b'{"hello": "world", "utcnow": "2021-12-27T00:31:42.383861", "random": 0.5}'


def reply(body: bytes, kind: str = "application/json", status: int = 200) -> Reply:
    return Reply(status=status, headers={"content-type": kind}, body=body)


def unlike(one: Reply, other: Reply) -> list[str]:
    return list(answer_mismatches([("docker", "tcp")], {"docker": one, "tcp": other}))


@pytest.mark.parametrize(
    "other",
    [
        reply(HELLO),
        reply(b'{"random":1,"hello":"you","utcnow":"now"}'),
        reply(HELLO, "application/json; charset=utf-8"),
        reply(HELLO, "Application/JSON"),
        reply(HELLO, status=206),
    ],
)
def test_the_same_keys_make_the_same_kind_of_answer(other: Reply) -> None:
    assert unlike(reply(HELLO), other) == []


def test_what_is_no_json_may_differ_in_a_few_bytes() -> None:
    assert unlike(reply(b"x" * 100, "text/html"), reply(b"x" * 91, "text/html")) == []
    assert unlike(reply(b"", "text/html"), reply(b"", "text/html")) == []


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (reply(b'{"hello": 1}'), "12 bytes of application/json with hello"),
        (reply(b"<html>", "text/html"), "6 bytes of text/html"),
        (reply(HELLO, ""), "73 bytes of no content type"),
        (reply(b"[1]"), "3 bytes of application/json"),
        (reply(b"{"), "1 bytes of application/json"),
    ],
)
def test_another_kind_of_answer_is_told_beside_the_first(other: Reply, told: str) -> None:
    (sentence,) = unlike(other, reply(HELLO))
    assert sentence.startswith(
        f"'docker' answers {told} and 'tcp' 73 bytes of application/json with hello, random, utc"
    )


def test_lengths_that_are_far_apart_are_another_answer() -> None:
    assert unlike(reply(b"x" * 100, "text/html"), reply(b"x" * 89, "text/html"))
