"""What nginx can speak to the application: which settings of a hop exclude each other."""

from typing import Any

import pytest

from harness.experiment.constraints import arm_problems
from harness.model import Arm, Settings
from tests.support.experiment_files import refusals


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"protocol": "uwsgi"}, "that worker speaks HTTP/1 only"),
        ({"protocol": "h2c"}, "that worker speaks HTTP/1 only"),
        ({"protocol": "h2c", "worker_class": "sync"}, "gunicorn's sync worker does not speak"),
        ({"protocol": "uwsgi", "worker_class": "asgi", "upstream_keepalive": 4}, "nginx keeps no uwsgi connections"),
        ({"protocol": "uwsgi", "worker_class": "asgi", "path": "/a%20b"}, "carries a path without its escapes"),
        ({"protocol": "http/1.0", "upstream_keepalive": 4}, "nginx keeps connections with HTTP/1.1"),
        ({"protocol": "h2c", "worker_class": "asgi", "hop_tls": "full"}, "h2c is HTTP/2 without TLS"),
        ({"hop_tls": "resumed", "worker_class": "sync"}, "resumes no session"),
        ({"hop_tls": "resumed", "worker_class": "gthread"}, "resumes no session"),
        ({"hop_tls": "full", "chain": "app-direct"}, "which is between nginx and the app"),
        ({"protocol": "uwsgi", "server": "uvicorn"}, "uvicorn speaks HTTP/1 only"),
        ({"hop_tls": "full", "server": "uvicorn"}, "only gunicorn gets a certificate"),
        ({"hop_tls": "full", "command": "serve {port}"}, "only gunicorn gets a certificate"),
        ({"protocol": "http/1.1", "chain": "proxy-only"}, "which is between nginx and the app"),
        ({"transport": "mptcp", "chain": "app-direct"}, "other clients would use plain TCP"),
        ({"transport": "mptcp", "chain": "floor"}, "other clients would use plain TCP"),
        ({"transport": "mptcp", "server": "uvicorn"}, "only gunicorn gets such a socket"),
        ({"transport": "mptcp", "command": "serve {port}"}, "only gunicorn gets such a socket"),
        ({"transport": "mptcp", "upstream_keepalive": 4}, "only new connections are counted"),
    ],
)
def test_a_hop_that_does_not_exist_is_refused(settings: dict[str, Any], sentence: str) -> None:
    (problem,) = arm_problems([Arm(name="a", settings=Settings(**settings))])
    assert sentence in problem
    assert problem.endswith(".")


@pytest.mark.parametrize(
    "settings",
    [
        {"protocol": "http/1.0"},
        {"protocol": "http/1.1"},
        {"protocol": "uwsgi", "command": "uwsgi --socket :{port}"},
        {"protocol": "http/1.1", "upstream_keepalive": 4, "hop_tls": "resumed"},
        {"protocol": "uwsgi", "worker_class": "sync", "hop_tls": "full"},
        {"protocol": "uwsgi", "worker_class": "asgi", "hop_tls": "resumed"},
        {"protocol": "h2c", "worker_class": "gthread", "upstream_keepalive": 4},
        {"transport": "mptcp", "protocol": "uwsgi", "worker_class": "asgi", "hop_tls": "resumed"},
    ],
)
def test_a_hop_that_exists_is_taken(settings: dict[str, Any]) -> None:
    assert list(arm_problems([Arm(name="a", settings=Settings(**settings))])) == []


def test_all_hops_that_do_not_exist_are_refused_in_one_message() -> None:
    text = """
    [arms.plain]
    [arms.uwsgi]
    protocol = "uwsgi"
    [arms.kept]
    protocol = "http/1.0"
    upstream_keepalive = 4
    [arms.resumed]
    worker_class = "gthread"
    hop_tls = "resumed"
    [arms.six]
    transport = "tcp6"
    network = "veth"
    """
    assert [sentence.partition(":")[0] for sentence in refusals(text)] == [
        "Arm 'uwsgi'",
        "Arm 'kept'",
        "Arm 'resumed'",
        "Arm 'six'",
    ]


@pytest.mark.parametrize(
    ("settings", "protocol", "speaks"),
    [
        ({}, "http/1.0", "http/1"),
        ({"upstream_keepalive": 1}, "http/1.1", "http/1"),
        ({"protocol": "http/1.1"}, "http/1.1", "http/1"),
        ({"hop_tls": "resumed"}, "http/1.0", "http/1 over TLS"),
        ({"protocol": "uwsgi", "hop_tls": "full"}, "uwsgi", "uwsgi over TLS"),
    ],
)
def test_the_protocol_follows_kept_connections_unless_the_arm_names_it(
    settings: dict[str, Any], protocol: str, speaks: str
) -> None:
    asked = Settings(**settings)
    assert (asked.hop_protocol, asked.app_speaks) == (protocol, speaks)
