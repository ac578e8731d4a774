"""Seccomp filters: which system calls are denied, and the program that denies them."""

import errno
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise

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
DENIED_ADDRESS_FAMILIES = (38, 40)  # AF_ALG and AF_VSOCK
ALLOWED_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)

Instruction = tuple[int, int, int, int]  # code, jump when true, jump when false, operand: struct sock_filter
InstructionBlock = tuple[Instruction, ...]

LET_PASS: InstructionBlock = ((RETURN, 0, 0, ALLOW),)


def refusal(error: int) -> InstructionBlock:
    """Return instructions that fail the call with `error`."""
    return ((RETURN, 0, 0, REFUSE | error),)


DENY = refusal(errno.EPERM)
HIGHEST_KNOWN = 466  # removexattrat; a container may make no call that its runtime does not know
UNUSED_NUMBERS = {"x86_64": range(336, 424), "aarch64": range(295, 424)}  # numbers that no call has

COMMON_CALLS: Mapping[str, int] = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_getfd": 438, "process_madvise": 440,
    "mount_setattr": 442, "quotactl_fd": 443, "set_mempolicy_home_node": 450, "lsm_get_self_attr": 459,
    "lsm_set_self_attr": 460, "lsm_list_modules": 461,
}  # fmt: skip
X86_64_CALLS: Mapping[str, int] = {
    "uselib": 134, "ustat": 136, "sysfs": 139, "vhangup": 153, "pivot_root": 155, "_sysctl": 156, "acct": 163,
    "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
    "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173, "create_module": 174, "init_module": 175,
    "delete_module": 176, "get_kernel_syms": 177, "query_module": 178, "quotactl": 179, "nfsservctl": 180,
    "getpmsg": 181, "putpmsg": 182, "afs_syscall": 183, "tuxcall": 184, "security": 185, "lookup_dcookie": 212,
    "clock_settime": 227, "vserver": 236, "mbind": 237, "set_mempolicy": 238, "get_mempolicy": 239,
    "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "migrate_pages": 256, "unshare": 272,
    "move_pages": 279, "perf_event_open": 298, "fanotify_init": 300, "open_by_handle_at": 304, "setns": 308,
    "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, **COMMON_CALLS,
}  # fmt: skip
AARCH64_CALLS: Mapping[str, int] = {
    "lookup_dcookie": 18, "umount2": 39, "mount": 40, "pivot_root": 41, "nfsservctl": 42, "vhangup": 58,
    "quotactl": 60, "acct": 89, "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106,
    "clock_settime": 112, "syslog": 116, "reboot": 142, "sethostname": 161, "setdomainname": 162,
    "settimeofday": 170, "add_key": 217, "request_key": 218, "keyctl": 219, "swapon": 224, "swapoff": 225,
    "mbind": 235, "get_mempolicy": 236, "set_mempolicy": 237, "migrate_pages": 238, "move_pages": 239,
    "perf_event_open": 241, "fanotify_init": 262, "open_by_handle_at": 265, "setns": 268, "kcmp": 272,
    "finit_module": 273, "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294, **COMMON_CALLS,
}  # fmt: skip
DENIED_CALLS = {"x86_64": {**X86_64_CALLS, "syslog": 103}, "aarch64": AARCH64_CALLS}

# Calls that depend on their first argument, or that must look as if the kernel were older.
ARGUMENT_CALLS = {
    "x86_64": {"socket": 41, "clone": 56, "personality": 135, "clone3": 435},
    "aarch64": {"personality": 92, "socket": 198, "clone": 220, "clone3": 435},
}


def filter_program(machine: str) -> bytes:
    """Return the filter for "x86_64" or "aarch64" in the kernel's format. Raises KeyError for others."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in filter_instructions(machine))


def filter_instructions(machine: str) -> InstructionBlock:
    """Return the instructions. Calls of another architecture are refused: their numbers mean other calls."""
    tree = search_tree(number_ranges(call_blocks(machine)))
    is_native = (JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine])
    return ((LOAD_WORD, 0, 0, ARCHITECTURE), is_native, *DENY, (LOAD_WORD, 0, 0, NUMBER), *tree)


def call_blocks(machine: str) -> Mapping[int, InstructionBlock]:
    """Return the instructions for each call that is not simply allowed, by number; the last is for all unknown ones."""
    by_argument = ARGUMENT_CALLS[machine]
    denied = {*DENIED_CALLS[machine].values(), *UNUSED_NUMBERS[machine], HIGHEST_KNOWN + 1}
    return {
        **dict.fromkeys(denied, DENY),
        by_argument["clone3"]: refusal(errno.ENOSYS),  # its arguments cannot be seen: C libraries then use clone
        by_argument["clone"]: (
            (LOAD_WORD, 0, 0, FIRST_ARGUMENT),
            (JUMP_ANY_BIT, 0, 1, NEW_NAMESPACES),
            *DENY,
            *LET_PASS,
        ),
        by_argument["socket"]: match_argument(DENIED_ADDRESS_FAMILIES, DENY, LET_PASS),
        by_argument["personality"]: match_argument(ALLOWED_PERSONALITIES, LET_PASS, DENY),
    }


def match_argument(values: Sequence[int], then: InstructionBlock, otherwise: InstructionBlock) -> InstructionBlock:
    """Return `then` where the first argument is among `values`, else `otherwise`; both are a single return."""
    last = len(values) - 1
    tests = ((JUMP_EQUAL, last - place, place == last, value) for place, value in enumerate(values))
    return ((LOAD_WORD, 0, 0, FIRST_ARGUMENT), *tests, *then, *otherwise)


def number_ranges(special: Mapping[int, InstructionBlock]) -> list[tuple[int, InstructionBlock]]:
    """Return (first number, instructions) of each range of numbers with equal instructions, rising."""
    numbers = range(max(special) + 1)
    calls = [(number, special.get(number, LET_PASS)) for number in numbers]
    return [calls[0], *(later for earlier, later in pairwise(calls) if later[1] != earlier[1])]


def search_tree(ranges: Sequence[tuple[int, InstructionBlock]]) -> InstructionBlock:
    """Return a binary search for the range of the call's number."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    left, right = search_tree(ranges[:middle]), search_tree(ranges[middle:])
    assert len(left) <= FARTHEST
    return ((JUMP_AT_LEAST, len(left), 0, ranges[middle][0]), *left, *right)
