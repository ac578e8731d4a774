"""The filter of system calls, run as the kernel runs it."""

import errno
import struct

import pytest

from harness.testbed.sandbox.seccomp import (
    ALLOW,
    ARGUMENT_CALLS,
    AUDIT_ARCH,
    DENIED_CALLS,
    HIGHEST_KNOWN,
    JUMP_ANY_BIT,
    JUMP_AT_LEAST,
    JUMP_EQUAL,
    LOAD_WORD,
    REFUSE,
    RETURN,
    UNUSED_NUMBERS,
    filter_program,
)

MACHINES = sorted(AUDIT_ARCH)
DENY, HIDE = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
CLONE_VM, CLONE_NEWNS, CLONE_NEWUSER = 0x100, 0x20000, 0x10000000
AF_UNIX, AF_INET, AF_ALG, AF_VSOCK = 1, 2, 38, 40
BY_HAND = {  # taken from the manual pages' tables, not from our own
    "x86_64": {"read": 0, "connect": 42, "accept4": 288, "execve": 59, "epoll_wait": 232, "openat": 257, "exit": 60},
    "aarch64": {"read": 63, "connect": 203, "accept4": 242, "execve": 221, "epoll_pwait": 22, "openat": 56, "exit": 93},
}


def answer(program: bytes, architecture: int, number: int, argument: int = 0) -> int:
    """What the program returns for one call: an interpreter of the instructions that it is made of."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, argument, *[0] * 5)
    instructions = list(struct.iter_unpack("=HBBI", program))
    accumulator, place = 0, 0
    while True:
        code, when_true, when_false, operand = instructions[place]
        place += 1
        if code == RETURN:
            return int(operand)
        if code == LOAD_WORD:
            accumulator = struct.unpack_from("<I", data, operand)[0]
            continue
        holds = {
            JUMP_EQUAL: accumulator == operand,
            JUMP_AT_LEAST: accumulator >= operand,
            JUMP_ANY_BIT: bool(accumulator & operand),
        }[code]
        place += when_true if holds else when_false


def of(machine: str, number: int, argument: int = 0) -> int:
    return answer(filter_program(machine), AUDIT_ARCH[machine], number, argument)


@pytest.mark.parametrize("machine", MACHINES)
def test_what_servers_do_all_day_passes(machine: str) -> None:
    assert {
        name: of(machine, number) for name, number in BY_HAND[machine].items() if of(machine, number) != ALLOW
    } == {}


@pytest.mark.parametrize("machine", MACHINES)
def test_exactly_what_is_denied_or_unknown_is_refused(machine: str) -> None:
    special = set(ARGUMENT_CALLS[machine].values())
    refused = {number for number in range(HIGHEST_KNOWN + 50) if number not in special and of(machine, number) == DENY}
    unknown = {*UNUSED_NUMBERS[machine], *range(HIGHEST_KNOWN + 1, HIGHEST_KNOWN + 50)}
    assert refused == {*DENIED_CALLS[machine].values(), *unknown}


@pytest.mark.parametrize("machine", MACHINES)
def test_a_number_of_another_architecture_is_refused_and_so_is_one_of_x32(machine: str) -> None:
    i386 = 0x40000003
    assert answer(filter_program(machine), i386, BY_HAND[machine]["read"]) == DENY
    assert of(machine, 0x40000000 | BY_HAND[machine]["read"]) == DENY


@pytest.mark.parametrize("machine", MACHINES)
def test_a_process_may_make_threads_and_children_but_no_namespaces(machine: str) -> None:
    clone = ARGUMENT_CALLS[machine]["clone"]
    assert of(machine, clone, CLONE_VM) == ALLOW
    assert of(machine, clone, CLONE_VM | CLONE_NEWNS) == DENY
    assert of(machine, clone, CLONE_NEWUSER) == DENY
    assert of(machine, ARGUMENT_CALLS[machine]["clone3"]) == HIDE


@pytest.mark.parametrize("machine", MACHINES)
def test_families_of_sockets_and_personalities_are_looked_at(machine: str) -> None:
    socket, personality = ARGUMENT_CALLS[machine]["socket"], ARGUMENT_CALLS[machine]["personality"]
    seen = {family: of(machine, socket, family) for family in (AF_UNIX, AF_INET, AF_ALG, AF_VSOCK)}
    assert seen == {AF_UNIX: ALLOW, AF_INET: ALLOW, AF_ALG: DENY, AF_VSOCK: DENY}
    assert [of(machine, personality, value) for value in (0, 8, 0x20000, 0x20008, 0xFFFFFFFF)] == [ALLOW] * 5
    assert of(machine, personality, 0x40000) == DENY  # ADDR_NO_RANDOMIZE


@pytest.mark.parametrize("machine", MACHINES)
def test_no_answer_takes_more_than_a_few_instructions(machine: str) -> None:
    """The kernel takes 4096 in all; a search tree needs the logarithm of that for a call."""
    assert len(filter_program(machine)) // 8 < 256
