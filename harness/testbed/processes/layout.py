"""The memory layout of servers: random at each start, or the same for all servers of a session.

Two starts of the same program differ in speed because some values are random: the addresses of libraries, heap and
stack, and the order of Python's hash tables. With `layout = "matched"` no address is random (man 2 personality),
and all servers of a session have one hash seed. The kernel puts arguments and environment at the top of the stack. A
variable fills both up to a length that all servers of a session share. They share the limit of the stack too, which
says how far below it libraries and most of the heap begin (mmap_base in the kernel's mm/util.c). Seed, length and limit
differ between sessions, so no result depends on one layout (Mytkowicz et al. 2009).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.model import Design

HASH_SEED, PADDING = "PYTHONHASHSEED", "BAREHOP_PADDING"
MOST_HASH_SEEDS = 1 << 32
ARGUMENT_BYTES = 16 << 10  # more than the arguments of most servers
PAGE_BYTES, ALIGNMENT_BYTES, POINTER_BYTES = 4096, 16, 8
LEAST_STACK_LIMIT_BYTES = 128 << 20  # lower ones move nothing
MOST_SHIFT_PAGES = 4096


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of the servers of a session; with no `hash_seed`, each start has one of its own."""

    hash_seed: int | None = None
    stack_shift_bytes: int = 0
    library_shift_pages: int = 0

    @property
    def is_matched(self) -> bool:
        """Whether all servers of the session have the same layout."""
        return self.hash_seed is not None

    @property
    def steps(self) -> tuple[str, ...]:
        """The step of standalone/enter.py for it; the first, because a system call filter may forbid it."""
        return ("fix-addresses", str(self._stack_limit_bytes)) if self.is_matched else ()

    @property
    def _stack_limit_bytes(self) -> int:
        return LEAST_STACK_LIMIT_BYTES + self.library_shift_pages * PAGE_BYTES

    def variables(self, argv: Sequence[str], extra: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a server with these arguments; `extra` are those that other servers do not have."""
        if not self.is_matched:
            return {}
        words = (*argv, *(f"{name}={value}" for name, value in extra.items()))
        used_bytes = sum(len(word.encode(errors="surrogateescape")) + 1 + POINTER_BYTES for word in words)
        padding = "0" * (self.stack_shift_bytes + ARGUMENT_BYTES - used_bytes % ARGUMENT_BYTES)
        return {HASH_SEED: str(self.hash_seed), PADDING: padding}

    def command_prefix(self, argv: Sequence[str], extra: Mapping[str, str]) -> str:
        """Return the beginning of a shell command that starts the server with this layout."""
        if not self.is_matched:
            return ""
        padding = self.variables(argv, extra)[PADDING]
        variables = f"{HASH_SEED}={self.hash_seed} {PADDING}=$(printf %0{len(padding)}d 0)"
        return f"env {variables} prlimit --stack={self._stack_limit_bytes}: setarch $(uname -m) -R"


RANDOM_LAYOUT = Layout()


def layout_of(design: Design, session: int) -> Layout:
    """Return the layout of a session; the seed of the experiment and the session's number determine it."""
    if design.layout == "random":
        return RANDOM_LAYOUT
    source = random.Random(f"{design.seed}/{session}/layout")  # noqa: S311 - chance, not secrecy
    return Layout(
        hash_seed=source.randrange(1, MOST_HASH_SEEDS),
        stack_shift_bytes=source.randrange(0, PAGE_BYTES, ALIGNMENT_BYTES),
        library_shift_pages=source.randrange(1, MOST_SHIFT_PAGES),
    )
