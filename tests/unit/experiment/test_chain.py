"""What no part of the chain can be."""

import pytest

from harness.experiment.constraints import arm_problems
from harness.model import Arm, Settings
from harness.model.http import requested_bytes


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"chain": "floor", "tls": True}, "it is nginx that terminates TLS"),
        ({"chain": "app-direct", "tls": True}, "it is nginx that terminates TLS"),
        ({"chain": "app-direct", "transport": "uds-dir", "tool": "ab"}, "does not support Unix sockets"),
        ({"chain": "floor", "tool": "pyperf", "client_keepalive": True}, "serves one connection at a time"),
        ({"chain": "app-direct", "worker_class": "sync", "client_keepalive": True}, "closes every connection"),
        ({"chain": "app-direct", "transport": "tcp-sockmap"}, "only the sockets of nginx and the app are in the map"),
        ({"chain": "floor", "transport": "tcp-sockmap"}, "only the sockets of nginx and the app are in the map"),
        ({"chain": "proxy-only", "path": "/bytes/3001"}, "at most 3000 bytes by itself"),
    ],
)
def test_settings_that_a_part_of_the_chain_excludes_are_told(settings: dict[str, object], told: str) -> None:
    (problem,) = arm_problems([Arm(name="a", settings=Settings.model_validate(settings))])
    assert told in problem


@pytest.mark.parametrize("chain", ["full", "proxy-only", "app-direct", "floor"])
def test_each_part_by_itself_is_possible(chain: str) -> None:
    settings = Settings.model_validate({"chain": chain, "path": "/bytes/3000", "client_keepalive": True})
    assert list(arm_problems([Arm(name="a", settings=settings)])) == []


@pytest.mark.parametrize(
    ("path", "size"), [("/bytes/100", 100), ("/bytes/0?x=1", 0), ("/", None), ("/bytes/x", None), ("/bytes/1/2", None)]
)
def test_a_path_may_say_how_many_bytes_it_asks_for(path: str, size: int | None) -> None:
    assert requested_bytes(path) == size
