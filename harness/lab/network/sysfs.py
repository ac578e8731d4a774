"""The /sys of this thread's network; /sys itself shows the devices of the network in which it was mounted."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# asm-generic/unistd.h, the same on all architectures, since Linux 5.2; fsconfig's command is from linux/mount.h.
FSOPEN, FSCONFIG, FSMOUNT = 430, 431, 432
FSCONFIG_CMD_CREATE = 6
CLOEXEC = 1
DEVICES = "/sys/class/net/"


@contextmanager
def seen_here(path: str) -> Iterator[Path]:
    """Yield `path` as this thread's network has it, through a private mount. Raises OSError."""
    if not path.startswith(DEVICES):
        yield Path(path)
        return
    context = _call(FSOPEN, ctypes.c_char_p(b"sysfs"), CLOEXEC)
    try:
        _call(FSCONFIG, context, FSCONFIG_CMD_CREATE, None, None, 0)
        mounted = _call(FSMOUNT, context, CLOEXEC, 0)
    finally:
        os.close(context)
    try:
        yield Path(f"/proc/self/fd/{mounted}") / path.removeprefix("/sys/")
    finally:
        os.close(mounted)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    converted = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *converted))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
