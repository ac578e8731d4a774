"""Hands messages of TCP connections from socket to socket inside the kernel, by two BPF programs and a map of sockets.

A stand-alone program: `python -I -S sockmap.py PORT,... GROUP...` works until it is killed. GROUP is the directory of a
control group of version 2. `sock_ops_program` puts both ends of the groups' connections to the ports into the map, and
`sk_msg_program` gives what such a socket sends to the socket at the other end. Everything hangs on descriptors of
this process: the kernel detaches the programs and frees the map when they are closed, also after SIGKILL.
"""

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

SYS_BPF = {"x86_64": 321, "aarch64": 280}
# linux/bpf.h: commands, types of maps and programs, attach types
MAP_CREATE, MAP_LOOKUP_ELEM, PROG_LOAD, PROG_ATTACH, LINK_CREATE = 0, 1, 5, 8, 28
MAP_TYPE_ARRAY, MAP_TYPE_SOCKHASH = 2, 18
PROG_TYPE_SOCK_OPS, PROG_TYPE_SK_MSG = 13, 16
CGROUP_SOCK_OPS, SK_MSG_VERDICT = 3, 7
# linux/bpf.h: helper functions and their values
SOCK_HASH_UPDATE, MSG_REDIRECT_HASH = 70, 71
ACTIVE_ESTABLISHED, PASSIVE_ESTABLISHED = 4, 5  # BPF_SOCK_OPS_*_CB: we have connected, or accepted
REPLACE, TO_RECEIVE_QUEUE = 0, 1  # BPF_ANY, BPF_F_INGRESS
SUCCESS, PASS = 0, 1  # of an update; of a redirection, and for the verdict on a message
# Offsets of struct bpf_sock_ops and struct sk_msg_md. Remote ports have network byte order, local ones the host's.
OPERATION, OPS_REMOTE_PORT, OPS_LOCAL_PORT = 0, 64, 68
MSG_REMOTE_PORT, MSG_LOCAL_PORT = 60, 64

ATTRIBUTE_BYTES, LOG_BYTES = 144, 65536
KEY_BYTES = 8  # (local port, remote port) of a socket
MAX_SOCKETS = 16384
COUNTERS = ("sockets", "refused", "redirected", "missed")  # in the map; messages
COUNTER_BYTES = 8

libc = ctypes.CDLL(None, use_errno=True)


class Instruction(NamedTuple):
    """struct bpf_insn: an operation on registers 0 to 10. A jump goes to the label `to`."""

    code: int
    target: int = 0
    source: int = 0
    offset: int = 0
    value: int = 0
    to: str = ""


Line = Instruction | str  # a string is the label of the next instruction


def assemble(lines: Iterable[Line]) -> bytes:
    """Return the program in the kernel's format. Raises KeyError for a jump to a label that does not exist."""
    labels: dict[str, int] = {}
    instructions: list[Instruction] = []
    for line in lines:
        if isinstance(line, str):
            labels[line] = len(instructions)
        else:
            instructions.append(line)
    distances = [labels[ins.to] - number - 1 if ins.to else ins.offset for number, ins in enumerate(instructions)]
    return b"".join(
        struct.pack("<BBhi", ins.code, ins.source << 4 | ins.target, distance, ins.value)
        for ins, distance in zip(instructions, distances, strict=True)
    )


def load(target: int, source: int, offset: int) -> Instruction:
    """Load 32 bits: target = memory[source + offset]."""
    return Instruction(0x61, target, source, offset)


def store(target: int, offset: int, source: int) -> Instruction:
    """Store 32 bits: memory[target + offset] = source."""
    return Instruction(0x63, target, source, offset)


def copy(target: int, source: int) -> Instruction:
    """Copy a register."""
    return Instruction(0xBF, target, source)


def assign(target: int, value: int) -> Instruction:
    """Give a register a value."""
    return Instruction(0xB7, target, value=value)


def add(target: int, value: int) -> Instruction:
    """Add a value to a register."""
    return Instruction(0x07, target, value=value)


def swap_bytes(target: int) -> Instruction:
    """Convert 32 bits between the host's little-endian and network byte order."""
    return Instruction(0xDC, target, value=32)


def add_to_memory(target: int, source: int) -> Instruction:
    """Add a register to 64 bits of memory, atomically."""
    return Instruction(0xDB, target, source)


def jump(to: str) -> Instruction:
    """Jump to a label."""
    return Instruction(0x05, to=to)


def jump_if(register: int, value: int, to: str) -> Instruction:
    """Jump to a label if the register has the value."""
    return Instruction(0x15, register, value=value, to=to)


def call(helper: int) -> Instruction:
    """Call a helper function with registers 1 to 5; its result is in register 0."""
    return Instruction(0x85, value=helper)


def leave() -> list[Line]:
    """Return 1 from the program: for a message, let it pass."""
    return ["leave", assign(0, PASS), Instruction(0x95)]


def map_handle(target: int, descriptor: int) -> list[Line]:
    """Put a map into a register."""
    return [Instruction(0x18, target, 1, value=descriptor), Instruction(0)]


def count(counters: int, name: str) -> list[Line]:
    """Add 1 to a counter in the array that is map `counters`."""
    place = COUNTERS.index(name) * COUNTER_BYTES
    address = [Instruction(0x18, 1, 2, value=counters), Instruction(0, value=place)]
    return [*address, assign(2, 1), add_to_memory(1, 2)]


def sock_ops_program(sockets: int, counters: int, ports: Sequence[int]) -> list[Line]:
    """Return the program on a new connection: put its socket into the map if the server's port is among `ports`."""
    return [
        copy(6, 1),
        load(7, 6, OPS_REMOTE_PORT),
        swap_bytes(7),
        load(8, 6, OPS_LOCAL_PORT),
        load(2, 6, OPERATION),
        copy(3, 7),
        jump_if(2, ACTIVE_ESTABLISHED, "compare"),
        copy(3, 8),
        jump_if(2, PASSIVE_ESTABLISHED, "compare"),
        jump("leave"),
        "compare",
        *(jump_if(3, port, "of the hop") for port in ports),
        jump("leave"),
        "of the hop",
        store(10, -8, 8),
        store(10, -4, 7),
        copy(1, 6),
        *map_handle(2, sockets),
        copy(3, 10),
        add(3, -8),
        assign(4, REPLACE),
        call(SOCK_HASH_UPDATE),
        jump_if(0, SUCCESS, "is in the map"),
        *count(counters, "refused"),
        jump("leave"),
        "is in the map",
        *count(counters, "sockets"),
        *leave(),
    ]


def sk_msg_program(sockets: int, counters: int) -> list[Line]:
    """Return the program on a message of a socket in the map: give it to the other end, if that is in the map."""
    return [
        copy(6, 1),
        load(2, 6, MSG_REMOTE_PORT),
        swap_bytes(2),
        store(10, -8, 2),
        load(2, 6, MSG_LOCAL_PORT),
        store(10, -4, 2),
        copy(1, 6),
        *map_handle(2, sockets),
        copy(3, 10),
        add(3, -8),
        assign(4, TO_RECEIVE_QUEUE),
        call(MSG_REDIRECT_HASH),
        jump_if(0, PASS, "is redirected"),
        *count(counters, "missed"),
        jump("leave"),
        "is redirected",
        *count(counters, "redirected"),
        *leave(),
    ]


class Sockmap:
    """The map of sockets with its programs, as long as its descriptors are open. Raises OSError where it cannot be."""

    def __init__(self, ports: Sequence[int]) -> None:
        """Make the maps and load the programs for connections to `ports`."""
        self._descriptors: list[int] = []
        try:
            self._counters = self._own(_create_map(MAP_TYPE_ARRAY, 4, COUNTER_BYTES * len(COUNTERS), 1))
            sockets = self._own(_create_map(MAP_TYPE_SOCKHASH, KEY_BYTES, 4, MAX_SOCKETS))
            on_message = self._own(_load_program(PROG_TYPE_SK_MSG, sk_msg_program(sockets, self._counters)))
            bpf(PROG_ATTACH, struct.pack("=IIII", sockets, on_message, SK_MSG_VERDICT, 0))
            lines = sock_ops_program(sockets, self._counters, ports)
            self._on_connection = self._own(_load_program(PROG_TYPE_SOCK_OPS, lines))
        except OSError:
            self.close()
            raise

    def attach(self, group: str) -> None:
        """Put the sockets of a control group's new connections into the map."""
        directory = os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            link = bpf(LINK_CREATE, struct.pack("=IIII", self._on_connection, directory, CGROUP_SOCK_OPS, 0))
        finally:
            os.close(directory)
        self._own(link)

    def counts(self) -> dict[str, int]:
        """Return COUNTERS by name: sockets that entered the map, or were refused; messages redirected, or not."""
        key, values = ctypes.c_uint32(0), (ctypes.c_uint64 * len(COUNTERS))()
        places = ctypes.addressof(key), ctypes.addressof(values)
        bpf(MAP_LOOKUP_ELEM, struct.pack("=IIQQQ", self._counters, 0, *places, 0))
        return dict(zip(COUNTERS, values, strict=True))

    def close(self) -> None:
        """Detach the programs and free the map."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _own(self, descriptor: int) -> int:
        self._descriptors.append(descriptor)
        return descriptor


def bpf(command: int, attributes: bytes) -> int:
    """Call bpf(2) and return its result. Raises OSError."""
    number = SYS_BPF.get(os.uname().machine)
    if number is None:
        raise OSError(0, f"the number of bpf(2) is known for {' and '.join(SYS_BPF)} only")
    block = ctypes.create_string_buffer(attributes, ATTRIBUTE_BYTES)
    result = int(libc.syscall(number, command, block, ATTRIBUTE_BYTES))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _create_map(kind: int, key_bytes: int, value_bytes: int, entries: int) -> int:
    return bpf(MAP_CREATE, struct.pack("=IIIII", kind, key_bytes, value_bytes, entries, 0))


def _load_program(kind: int, lines: Iterable[Line]) -> int:
    """Load a program. Raises OSError, with the verifier's last line if it rejects the program."""
    code, licence = assemble(lines), b"GPL"
    instructions, log = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(LOG_BYTES)
    name = ctypes.create_string_buffer(licence)
    places = (ctypes.addressof(instructions), ctypes.addressof(name))
    verbosity = struct.pack("=IIQ", 1, LOG_BYTES, ctypes.addressof(log))
    try:
        return bpf(PROG_LOAD, struct.pack("=IIQQ", kind, len(code) // 8, *places) + verbosity)
    except OSError as error:
        last = log.value.decode(errors="replace").strip().splitlines()[-1:]
        raise OSError(error.errno, ": ".join([error.strerror or "", *last])) from None


def main(ports: str, groups: Sequence[str]) -> int:
    """Hold a map for `groups` until a signal ends this process."""
    try:
        sockmap = Sockmap([int(port) for port in ports.split(",")])
        for group in groups:
            sockmap.attach(group)
    except OSError as error:
        os.write(2, os.fsencode(f"sockmap: {error.strerror}\n"))
        return 1
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
