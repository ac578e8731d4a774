"""Servers that log much are doubted, a few lines are not."""

import pytest

from harness.observe.doubts.system import LogSizes, log_doubts

BEFORE = LogSizes({("tcp", "gunicorn"): 500}, 0)


@pytest.mark.parametrize(
    ("logged_bytes", "requests", "kinds"),
    [(16_000, 100, []), (17_000, 100, ["logging"]), (90_000, 10_000, []), (110_000, 10_000, ["logging"])],
)
def test_a_line_for_each_request_is_doubted_and_some_lines_are_not(
    logged_bytes: int, requests: int, kinds: list[str]
) -> None:
    after = LogSizes({("tcp", "gunicorn"): 500 + logged_bytes}, requests)
    assert [doubt.kind for doubt in log_doubts(BEFORE, after)] == kinds


def test_the_doubt_has_the_bytes_and_the_arms() -> None:
    (doubt,) = log_doubts(BEFORE, LogSizes({("tcp", "gunicorn"): 25_000_500}, 6250))
    assert doubt.seen == (
        "gunicorn of tcp logged 25.0 MB while requests were measured, 4000 bytes per request of the session."
    )
