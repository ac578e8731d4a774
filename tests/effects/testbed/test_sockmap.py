"""A hop through a sockmap: its messages bypass TCP, its servers have control groups, and nothing of it is left.

Needs root, control groups of version 2 and BPF.
"""

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import StackError
from harness.observe.proof import prove
from harness.testbed.hop_addresses import transport_problem
from harness.testbed.network import sockmap as opening
from harness.testbed.network.sockmap import check_redirection, sockmap_problem
from harness.testbed.standalone import sockmap as program
from tests.support.misbehaving_services import PROGRAMS, eventually, python_environment
from tests.support.stacks import answer, arm, blueprint_for, machine_of, stack_of

NEXT_PROGRAM, NEXT_MAP, NEXT_LINK = 11, 12, 31  # commands of bpf(2)
here = pytest.mark.skipif(bool(sockmap_problem()), reason=sockmap_problem())


def kernel_objects() -> set[tuple[int, int]]:
    """Return (command, id) of each BPF program, map and link that there is."""
    return {(command, number) for command in (NEXT_PROGRAM, NEXT_MAP, NEXT_LINK) for number in ids(command)}


def ids(command: int) -> list[int]:
    block, numbers = ctypes.create_string_buffer(program.ATTRIBUTE_BYTES), [0]
    call = program.SYS_BPF[os.uname().machine]
    while True:
        struct.pack_into("=I", block, 0, numbers[-1])
        if program.libc.syscall(call, command, block, program.ATTRIBUTE_BYTES) < 0:
            return numbers[1:]
        numbers.append(struct.unpack_from("=I", block, 4)[0])


@here
@pytest.mark.parametrize("settings", [{}, {"upstream_keepalive": 4}, {"hop_tls": "full", "worker_class": "asgi"}])
def test_each_message_of_a_request_goes_from_socket_to_socket(tmp_path: Path, settings: dict[str, object]) -> None:
    blueprint = blueprint_for(tmp_path, arm("a", transport="tcp-sockmap", path="/bytes/70000", **settings))
    before = kernel_objects()
    with stack_of(blueprint) as stack:
        assert stack.sockmap is not None
        hop = prove([stack])["a"]["hop"]
        assert hop["redirected_messages"] >= 2
        was = stack.sockmap.counts()
        for _ in range(20):
            assert answer(blueprint.targets["a"]).shape.body_bytes == 70000
        grown = {name: value - was[name] for name, value in stack.sockmap.counts().items()}
        assert grown["redirected"] >= 40
        assert (grown["missed"], grown["refused"]) == (0, 0)
        assert grown["sockets"] == (0 if "upstream_keepalive" in settings else 40)
        stack.check_workers()
        assert all(group.exists() for group in blueprint.socket_groups)
        assert len(blueprint.socket_groups) == 2
    assert not any(group.exists() for group in blueprint.socket_groups)
    assert eventually(lambda: kernel_objects() <= before)


@here
def test_a_hop_whose_sockets_do_not_enter_the_map_is_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program.Sockmap, "attach", lambda *_: None)
    with (
        stack_of(blueprint_for(tmp_path, arm("a", transport="tcp-sockmap"))) as stack,
        pytest.raises(StackError, match=r"0 went from socket to socket and 0 over TCP.*Leave this out"),
    ):
        prove([stack])


@here
def test_a_hop_with_only_one_end_in_the_map_is_no_proof(tmp_path: Path) -> None:
    blueprint = blueprint_for(tmp_path, arm("a", transport="tcp-sockmap"))
    blueprint.enclosures["app"] = blueprint_for(tmp_path, arm("b")).enclosures["app"]
    with stack_of(blueprint) as stack:
        with pytest.raises(StackError, match=r"0 went from socket to socket and [1-9] over TCP"):
            prove([stack])
        for _ in range(20):
            answer(blueprint.targets["a"])
        with pytest.raises(StackError, match=r"passed 0 messages from socket to socket and \d+ over TCP"):
            stack.check_workers()


@here
def test_sigkill_of_barehop_leaves_no_program_and_no_group(tmp_path: Path) -> None:
    machine_of(tmp_path)
    before = kernel_objects()
    with subprocess.Popen(
        [sys.executable, PROGRAMS / "stack_holder.py", tmp_path, "tcp-sockmap"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=python_environment(),
    ) as maker:
        assert maker.stdout is not None
        groups = [Path(group) for group in json.loads(maker.stdout.readline())["groups"]]
        assert len(groups) == 2
        assert all((group / "cgroup.procs").read_text() for group in groups)
        assert len(kernel_objects() - before) >= 6  # two programs, two maps, two links
        maker.send_signal(signal.SIGKILL)
    assert eventually(lambda: not any(group.exists() for group in groups))
    assert eventually(lambda: kernel_objects() <= before)


def test_a_machine_without_groups_of_version_2_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "socket_group_parent", lambda: None)
    sockmap_problem.cache_clear()
    try:
        sentence = transport_problem("tcp-sockmap", {"tmpfs": None, "directory": None})
    finally:
        sockmap_problem.cache_clear()
    assert sentence is not None
    assert "tcp-sockmap needs root, control groups of version 2 and BPF: no control groups of version 2" in sentence
    assert sentence.endswith("or leave this transport out.")


def test_a_kernel_that_refuses_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> int:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(opening, "socket_group_parent", lambda: tmp_path)
    monkeypatch.setattr(program, "bpf", refuse)
    assert sockmap_problem.__wrapped__() == "The kernel makes no sockmap: Operation not permitted"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("missed", "refused", "fails"), [(0, 0, False), (10, 0, False), (11, 0, True), (0, 1, True)])
def test_a_session_fails_when_messages_or_sockets_bypassed_the_map(missed: int, refused: int, *, fails: bool) -> None:
    class Counting(program.Sockmap):
        def __init__(self) -> None:
            self._descriptors = []

        def counts(self) -> dict[str, int]:
            return {"sockets": 2, "refused": refused, "redirected": 1000, "missed": missed}

    if fails:
        with pytest.raises(StackError, match="over TCP"):
            check_redirection(Counting())
    else:
        check_redirection(Counting())
