"""Ports are free, different, and out of the way of outgoing connections."""

import socket
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.testbed.machine.directories import free_ports


def proc_with_range(proc: Path, text: str) -> Path:
    (proc / "sys/net/ipv4").mkdir(parents=True)
    (proc / "sys/net/ipv4/ip_local_port_range").write_text(f"{text}\n")
    return proc


def test_ports_are_different_and_outside_of_the_ephemeral_range(tmp_path: Path) -> None:
    proc = proc_with_range(tmp_path, "10100\t65535")
    ports = list(islice(free_ports(proc), 40))
    assert len(set(ports)) == 40
    assert set(ports) <= set(range(10_000, 10_100))


def test_a_range_that_leaves_nothing_is_used_itself(tmp_path: Path) -> None:
    assert next(free_ports(proc_with_range(tmp_path, "1024 65535"))) in range(1024, 65536)


def test_a_port_that_is_taken_is_passed_over_and_when_all_are_there_is_a_sentence(tmp_path: Path) -> None:
    proc = proc_with_range(tmp_path, "10001 65535")
    with socket.socket() as taken, suppress(OSError):
        taken.bind(("127.0.0.1", 10_000))
        with pytest.raises(MachineError, match=r"^No further TCP port is free on 127\.0\.0\.1\."):
            next(free_ports(proc))
