"""Who listens on an address is read from /proc, where nobody else's name for a socket can mislead."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.testbed.machine.listeners import listening_inodes, socket_inodes

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31001 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31002 1 0 100 0 0 10 0
   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31003 1 0 100 0 0 10 0
   3: 0100007F:1F90 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 31004 1 0 20 4 30 10 -1
   4: 0100007F:1F90 0100007F:D2F2 06 00000000:00000000 03:00000F3E 00000000     0        0 0 3 0
"""
UNIX = b"""\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 41001 /dev/shm/barehop-1/hop.sock
0000000000000000: 00000003 00000000 00000000 0001 03 41002 /dev/shm/barehop-1/hop.sock
0000000000000000: 00000003 00000000 00000000 0001 03 41003
0000000000000000: 00000002 00000000 00010000 0001 01 41004 /dev/shm/barehop-1/hop.sock2
0000000000000000: 00000002 00000000 00010000 0001 01 41005 /dev/shm/with space/hop.sock
0000000000000000: 00000002 00000000 00010000 0001 01 41006 @\xff\xfe\x1c/tmp/.X11-unix/\xe2\x80\xa8X0
0000000000000000: 00000002 00000000 00010000 0001 01 41008 @\x1c0: 2 0 00010000 1 1 666 /dev/shm/barehop-1/hop.sock
0000000000000000: 00000002 00000000 00000000 0002 01 41007 /run/systemd/journal/dev-log
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "self/net").mkdir(parents=True)
    (tmp_path / "self/net/tcp").write_text(TCP)
    (tmp_path / "self/net/unix").write_bytes(UNIX)
    return tmp_path


@pytest.mark.skipif(sys.byteorder == "big", reason="the lines above are of a little-endian machine")
def test_only_what_listens_on_exactly_this_address_and_port_is_found(proc: Path) -> None:
    assert listening_inodes("127.0.0.1:8080", proc) == {"31001"}
    assert listening_inodes("0.0.0.0:8080", proc) == {"31002"}
    assert listening_inodes("127.0.0.1:8081", proc) == {"31003"}
    assert listening_inodes("127.0.0.1:8082", proc) == set()


def test_only_what_listens_on_exactly_this_path_is_found(proc: Path) -> None:
    assert listening_inodes("/dev/shm/barehop-1/hop.sock", proc) == {"41001"}
    assert listening_inodes("/dev/shm/with space/hop.sock", proc) == {"41005"}
    assert listening_inodes("/dev/shm/with", proc) == set()
    assert listening_inodes("/run/systemd/journal/dev-log", proc) == set()


def test_names_that_are_no_text_do_not_stand_in_the_way() -> None:
    with socket.socket(socket.AF_UNIX) as odd:
        odd.bind(b"\0\xff\xfe\n\x1c" + os.urandom(6))
        odd.listen()
        assert listening_inodes("/absent") == set()


def test_a_listener_on_loopback_is_among_its_holders_sockets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = listening_inodes(f"127.0.0.1:{port}")
        assert found == {str(os.fstat(listener.fileno()).st_ino)}
        assert found <= socket_inodes([os.getpid()])
    assert listening_inodes(f"127.0.0.1:{port}") == set()


def test_two_listeners_on_one_port_are_both_found() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as first:
        address = first.getsockname()
        with socket.create_server(address, reuse_port=True) as second:
            both = {str(os.fstat(each.fileno()).st_ino) for each in (first, second)}
            assert listening_inodes(f"127.0.0.1:{address[1]}") == both


def test_a_unix_listener_whose_file_was_taken_over_is_found_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        for listener in (first, second):
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            listener.listen()
        assert listening_inodes(str(path)) == {str(os.fstat(each.fileno()).st_ino) for each in (first, second)}


def test_a_process_that_has_ended_holds_no_socket() -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", ""]) as ended:
        pass
    assert socket_inodes([ended.pid]) == set()


def test_a_process_that_ended_but_was_not_waited_for_holds_no_socket() -> None:
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert socket_inodes([ended.pid]) == set()
    ended.wait()


def test_only_sockets_are_listed_and_what_is_gone_meanwhile_is_not(tmp_path: Path) -> None:
    descriptors = tmp_path / "7/fd"
    descriptors.mkdir(parents=True)
    for number, target in enumerate(
        ("/dev/null", "socket:[123]", "pipe:[124]", "anon_inode:[eventpoll]", "socket:[125]")
    ):
        (descriptors / str(number)).symlink_to(target)
    assert socket_inodes([7, 8], tmp_path) == {"123", "125"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_descriptors_that_may_not_be_read_are_a_sentence() -> None:
    with pytest.raises(MachineError, match=r"^/proc/1/fd cannot be read, so the listening sockets are unknown\."):
        socket_inodes([1])
