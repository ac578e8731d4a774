"""The system call filter that containers have by default, as a program of classic BPF.

A search tree over numbers, as libseccomp makes for runc. Since Linux 5.11 the kernel runs it only for calls that depend
on an argument and caches the answer for others (Documentation/userspace-api/seccomp_filter.rst).
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
FARTHEST = 255  # reach of a conditional jump
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
    """Return instructions that fail the call with `error`."""
    return ((RETURN, 0, 0, REFUSE | error),)


LET_PASS: Block = ((RETURN, 0, 0, ALLOW),)
DENY = refuse(errno.EPERM)


def filter_for(machine: str) -> bytes:
    """Return the filter for "x86_64" or "aarch64" in the kernel's format. Raises KeyError for others."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program(machine))


def program(machine: str) -> Block:
    """Return the instructions. Calls of another architecture are refused: their numbers mean other calls."""
    tree = search(segments(blocks(machine)))
    is_native = (JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine])
    return ((LOAD_WORD, 0, 0, ARCHITECTURE), is_native, *DENY, (LOAD_WORD, 0, 0, NUMBER), *tree)


def blocks(machine: str) -> Mapping[int, Block]:
    """Return the instructions for each call that is not simply allowed, by number; the last is for all unknown ones."""
    by_argument = LOOKED_INTO[machine]
    denied = {*DENIED[machine].values(), *GAPS[machine], HIGHEST_KNOWN + 1}
    return {
        **dict.fromkeys(denied, DENY),
        by_argument["clone3"]: refuse(errno.ENOSYS),  # its arguments cannot be seen: C libraries then use clone
        by_argument["clone"]: (
            (LOAD_WORD, 0, 0, FIRST_ARGUMENT),
            (JUMP_ANY_BIT, 0, 1, NEW_NAMESPACES),
            *DENY,
            *LET_PASS,
        ),
        by_argument["socket"]: one_of(FAMILIES, DENY, LET_PASS),
        by_argument["personality"]: one_of(PERSONALITIES, LET_PASS, DENY),
    }


def one_of(values: Sequence[int], then: Block, otherwise: Block) -> Block:
    """Return `then` where the first argument is among `values`, else `otherwise`; both are a single return."""
    last = len(values) - 1
    tests = ((JUMP_EQUAL, last - place, place == last, value) for place, value in enumerate(values))
    return ((LOAD_WORD, 0, 0, FIRST_ARGUMENT), *tests, *then, *otherwise)


def segments(special: Mapping[int, Block]) -> list[tuple[int, Block]]:
    """Return (first number, instructions) of each range of numbers with equal instructions, rising."""
    numbers = range(max(special) + 1)
    calls = [(number, special.get(number, LET_PASS)) for number in numbers]
    return [calls[0], *(later for earlier, later in pairwise(calls) if later[1] != earlier[1])]


def search(ranges: Sequence[tuple[int, Block]]) -> Block:
    """Return a binary search for the range of the call's number."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    left, right = search(ranges[:middle]), search(ranges[middle:])
    assert len(left) <= FARTHEST
    return ((JUMP_AT_LEAST, len(left), 0, ranges[middle][0]), *left, *right)
