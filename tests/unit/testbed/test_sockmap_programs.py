"""The programs of a sockmap in the kernel's format, and what they hang on."""

import struct

import pytest

from harness.testbed.standalone.sockmap import (
    COUNTERS,
    MSG_REDIRECT_HASH,
    PASS,
    SOCK_HASH_UPDATE,
    Instruction,
    Line,
    assemble,
    assign,
    call,
    copy,
    jump,
    jump_if,
    leave,
    load,
    sk_msg_program,
    sock_ops_program,
    store,
)

SOCKETS, COUNTS = 7, 8  # descriptors


def decode(program: bytes) -> list[tuple[int, int, int, int, int]]:
    """Return (code, target, source, offset, value) of each instruction."""
    rows = struct.iter_unpack("<BBhi", program)
    return [(code, registers & 15, registers >> 4, offset, value) for code, registers, offset, value in rows]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (assign(0, 1), "b7 00 00 00 01 00 00 00"),
        (copy(6, 1), "bf 16 00 00 00 00 00 00"),
        (load(2, 6, 64), "61 62 40 00 00 00 00 00"),
        (store(10, -8, 2), "63 2a f8 ff 00 00 00 00"),
        (call(70), "85 00 00 00 46 00 00 00"),
    ],
)
def test_an_instruction_has_the_bytes_that_the_kernel_documents(line: Instruction, text: str) -> None:
    assert assemble([line]) == bytes.fromhex(text)


def test_a_jump_counts_from_the_instruction_after_it_to_its_label() -> None:
    lines: list[Line] = ["start", jump_if(2, 4, "end"), assign(0, 0), "end", jump("start")]
    assert [offset for _, _, _, offset, _ in decode(assemble(lines))] == [1, 0, -3]


def test_a_jump_to_nowhere_is_an_error() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        assemble([jump("nowhere")])


def test_a_connection_enters_the_map_only_by_the_ports_of_the_hop() -> None:
    rows = decode(assemble(sock_ops_program(SOCKETS, COUNTS, (8000, 65535))))
    assert [value for code, _, _, _, value in rows if code == 0x15] == [4, 5, 8000, 65535, 0]
    assert [value for code, _, _, _, value in rows if code == 0x85] == [SOCK_HASH_UPDATE]


def test_a_message_goes_to_the_receive_queue_of_the_other_end() -> None:
    rows = decode(assemble(sk_msg_program(SOCKETS, COUNTS)))
    (place,) = (number for number, row in enumerate(rows) if row[0] == 0x85)
    assert rows[place][4] == MSG_REDIRECT_HASH
    assert rows[place - 1] == (0xB7, 4, 0, 0, 1)
    keys = [(source, offset) for code, target, source, offset, _ in rows if code == 0x63 and target == 10]
    assert keys == [(2, -8), (2, -4)]


@pytest.mark.parametrize("lines", [sock_ops_program(SOCKETS, COUNTS, [80]), sk_msg_program(SOCKETS, COUNTS)])
def test_a_program_names_its_maps_counts_in_bounds_and_ends(lines: list[Line]) -> None:
    rows = decode(assemble(lines))
    wide = [(row, rows[number + 1]) for number, row in enumerate(rows) if row[0] == 0x18]
    assert {(row[2], row[4]) for row, _ in wide} == {(1, SOCKETS), (2, COUNTS)}
    places = [second[4] for row, second in wide if row[2] == 2]
    assert len(set(places)) == len(places) == 2
    assert all(place % 8 == 0 and place < 8 * len(COUNTERS) for place in places)
    assert rows[-2:] == decode(assemble(leave()))
    assert rows[-2][4] == PASS
