"""The client over TLS: whom it trusts, and that it neither waits for ever nor starts without a certificate."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from harness.errors import LoadError
from harness.load.client import open_client
from harness.model import Target
from tests.support.scripted_server import Answer, says, serving, stays_silent, whole


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def server_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@contextmanager
def served(answer: Answer, authority: trustme.CA, trusted: Path, keepalive: bool = False) -> Iterator[Target]:
    with serving(answer, server_side(authority), keepalive) as target:
        yield replace(target, ca_file=trusted)


@pytest.mark.parametrize(("keepalive", "positions"), [(False, (0, 1, 2)), (True, (1, 2))])
def test_a_trusted_server_is_measured(
    authority: trustme.CA, trusted: Path, keepalive: bool, positions: tuple[int, ...]
) -> None:
    answer = says(whole(), stays=keepalive)
    with served(answer, authority, trusted, keepalive) as target, open_client(target) as burst:
        seen = burst(0, 3)

    assert seen.failures == {}
    assert seen.positions == positions


def test_a_server_with_another_authority_is_not_trusted(trusted: Path) -> None:
    with served(says(whole()), trustme.CA(), trusted) as target, open_client(target) as burst:
        assert burst(0, 2).failures == {"tls certificate verify failed": 2}


@pytest.mark.parametrize("keepalive", [False, True])
def test_a_silent_server_times_out(authority: trustme.CA, trusted: Path, keepalive: bool) -> None:
    served_target = served(stays_silent, authority, trusted, keepalive)
    with served_target as target, open_client(replace(target, timeout_s=0.2)) as burst:
        assert burst(0, 9).failures == {"timeout": 1}


def test_a_certificate_that_cannot_be_read_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    target = Target("127.0.0.1", 1, "/", ca_file=tmp_path / "nowhere.pem")

    with pytest.raises(LoadError, match=r"nowhere\.pem.*Give a PEM file"), open_client(target):
        pass
