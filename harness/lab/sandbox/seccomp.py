"""The filter of system calls that containers have by default, as a program of the kernel's classic BPF; pure.

A search tree over numbers, as runc has libseccomp make one. Since Linux 5.11 the kernel runs it only for calls that
depend on an argument: for the others it remembers the answer (Documentation/userspace-api/seccomp_filter.rst).
"""

import errno
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise

from harness.lab.sandbox.denied import DENIED, GAPS, HIGHEST_KNOWN, LOOKED_INTO

# linux/bpf_common.h, linux/filter.h
LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
JUMP_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K
FARTHEST = 255  # that a conditional jump goes
# linux/seccomp.h: struct seccomp_data, and the low word of its first argument on little-endian machines
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
ALLOW = 0x7FFF0000
REFUSE = 0x00050000  # SECCOMP_RET_ERRNO, with the error in the low half
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* of sched.h but CLONE_NEWTIME
FAMILIES = (38, 40)  # AF_ALG and AF_VSOCK
PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)

Instruction = tuple[int, int, int, int]  # code, jump when true, jump when false, operand: struct sock_filter
Block = tuple[Instruction, ...]


def refuse(error: int) -> Block:
    return ((RETURN, 0, 0, REFUSE | error),)


LET_PASS: Block = ((RETURN, 0, 0, ALLOW),)
DENY = refuse(errno.EPERM)


def filter_for(machine: str) -> bytes:
    """The program for "x86_64" or "aarch64", as the kernel takes it. KeyError for others."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program(machine))


def program(machine: str) -> Block:
    """Calls of another architecture are refused: their numbers mean other things."""
    tree = search(segments(blocks(machine)))
    right = (JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine])
    return ((LOAD_WORD, 0, 0, ARCHITECTURE), right, *DENY, (LOAD_WORD, 0, 0, NUMBER), *tree)


def blocks(machine: str) -> Mapping[int, Block]:
    """What is done with each call that is not simply allowed, by number; and with all above the highest known."""
    looked_into = LOOKED_INTO[machine]
    denied = {*DENIED[machine].values(), *GAPS[machine], HIGHEST_KNOWN + 1}
    return {
        **dict.fromkeys(denied, DENY),
        looked_into["clone3"]: refuse(errno.ENOSYS),  # its arguments cannot be seen: C libraries then use clone
        looked_into["clone"]: (
            (LOAD_WORD, 0, 0, FIRST_ARGUMENT),
            (JUMP_ANY_BIT, 0, 1, NEW_NAMESPACES),
            *DENY,
            *LET_PASS,
        ),
        looked_into["socket"]: one_of(FAMILIES, DENY, LET_PASS),
        looked_into["personality"]: one_of(PERSONALITIES, LET_PASS, DENY),
    }


def one_of(values: Sequence[int], then: Block, otherwise: Block) -> Block:
    """`then` where the first argument is among `values`; both are a single return."""
    last = len(values) - 1
    tests = ((JUMP_EQUAL, last - place, place == last, value) for place, value in enumerate(values))
    return ((LOAD_WORD, 0, 0, FIRST_ARGUMENT), *tests, *then, *otherwise)


def segments(special: Mapping[int, Block]) -> list[tuple[int, Block]]:
    """(first number, what is done from there on), rising; neighbours differ."""
    numbers = range(max(special) + 1)
    each = [(number, special.get(number, LET_PASS)) for number in numbers]
    return [each[0], *(later for earlier, later in pairwise(each) if later[1] != earlier[1])]


def search(rising: Sequence[tuple[int, Block]]) -> Block:
    """A binary search for the segment that the number is in."""
    if len(rising) == 1:
        return rising[0][1]
    middle = len(rising) // 2
    left, right = search(rising[:middle]), search(rising[middle:])
    assert len(left) <= FARTHEST
    return ((JUMP_AT_LEAST, len(left), 0, rising[middle][0]), *left, *right)
