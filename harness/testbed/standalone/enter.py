"""Puts its own process into a sandbox, step by step; then it becomes another program.

A stand-alone program: `python -I -S enter.py STEP... -- COMMAND...`. A step is a word and as many arguments as its
function has. The supervisor, which runs with -I -S too, takes the same steps without starting Python again.
"""

import ctypes
import fcntl
import os
import resource
import sys
from collections.abc import Callable, Sequence

# sched.h
NAMESPACES = {
    "mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000,
    "pid": 0x20000000,
}  # fmt: skip
# sys/mount.h
MOUNT_FLAGS = {
    "nosuid": 2, "nodev": 4, "noexec": 8, "bind": 1 << 12, "rec": 1 << 14, "unbindable": 1 << 17, "private": 1 << 18,
}  # fmt: skip
MNT_DETACH = 2
# sys/personality.h
ADDR_NO_RANDOMIZE = 0x0040000
CURRENT_PERSONALITY = 0xFFFFFFFF  # as an argument: change nothing
# linux/prctl.h, linux/seccomp.h
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SPECULATION_CTRL = 53
PR_SPEC_STORE_BYPASS = 0
PR_SPEC_DISABLE = 4
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4  # the filter alone, without speculative store bypass disabled (rung ssbd)
FIRST_DESCRIPTOR = 3  # of those that a command inherits, as systemd numbers them
SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
INSTRUCTION_BYTES = 8

libc = ctypes.CDLL(None, use_errno=True)


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def main(arguments: list[str]) -> int:
    """Take the steps and become COMMAND."""
    divider = arguments.index("--")
    try:
        take_steps(arguments[:divider])
        os.execvp(arguments[divider + 1], arguments[divider + 1 :])  # noqa: S606 - an argument list, without a shell
    except OSError as error:
        os.write(2, os.fsencode(f"{error.filename}: {error.strerror}\n"))
    return 127


def take_steps(words: Sequence[str]) -> None:
    """Take every step in order. Raises OSError with the step and its first argument as its filename."""
    remaining = list(words)
    while remaining:
        name = remaining.pop(0)
        function = STEPS[name]
        count = function.__code__.co_argcount
        arguments, remaining = remaining[:count], remaining[count:]
        try:
            function(*arguments)
        except OSError as error:
            raise OSError(error.errno, error.strerror, " ".join([name, *arguments[:1]])) from None


def check(result: int) -> None:
    """Raise OSError for the negative result of a C function."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def write(path: str, text: str) -> None:
    """Write `text` to an existing file."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def mkdir(path: str) -> None:
    """Make a directory with mode 0700, and its parents."""
    os.makedirs(path, 0o700, exist_ok=True)  # noqa: PTH103 - without pathlib it starts twice as fast


def mount(source: str, target: str, kind: str, options: str) -> None:
    """Mount with `options` as in mount -o: those that are no flags go to the file system."""
    names = options.split(",")
    flags = sum(MOUNT_FLAGS.get(option, 0) for option in names)
    data = ",".join(option for option in names if option not in MOUNT_FLAGS)
    check(libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()))


def pivot(root: str) -> None:
    """Make `root` the root and detach the old root (man 2 pivot_root); keep the working directory."""
    here = os.getcwd()  # noqa: PTH109 - see above
    os.chdir(root)
    check(libc.pivot_root(b".", b"."))
    check(libc.umount2(b".", MNT_DETACH))
    os.chdir(here)


def unshare(kinds: str) -> None:
    """Enter new namespaces, named with commas between. A user namespace maps every id that exists outside."""
    names = kinds.split(",")
    flags = sum(NAMESPACES[name] for name in names)
    if "user" not in names:
        check(libc.unshare(flags))
    elif os.geteuid():
        maps = (("uid_map", f"{os.geteuid()} {os.geteuid()} 1"), ("gid_map", f"{os.getegid()} {os.getegid()} 1"))
        check(libc.unshare(flags))
        write_maps("self", (("setgroups", "deny"), *maps))
    else:
        unshare_with_all_ids(flags)


def unshare_with_all_ids(flags: int) -> None:
    """Enter a user namespace with all ids: only root outside may map them, so a child that stays outside does it."""
    pid = os.readlink("/proc/self")  # noqa: PTH115 - see above; our pid as the /proc here has it
    maps = tuple((name, identity_map(name)) for name in ("uid_map", "gid_map"))
    reading, writing = os.pipe()
    helper = os.fork()
    if not helper:
        try:
            os.close(writing)
            if os.read(reading, 1):
                write_maps(pid, maps)
                os._exit(0)
        finally:
            os._exit(1)
    result = libc.unshare(flags)
    code = ctypes.get_errno()
    os.write(writing, b"g" * (result == 0))
    os.close(writing)
    os.close(reading)
    if os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1]):
        raise OSError(code or 1, os.strerror(code or 1))


def identity_map(name: str) -> str:
    """Return the identity mapping of every id of this namespace, in the form of uid_map."""
    with open(f"/proc/self/{name}", encoding="ascii") as file:  # noqa: PTH123 - see above
        rows = [line.split() for line in file]
    return "\n".join(f"{inside} {inside} {count}" for inside, _, count in rows)


def write_maps(process: str, maps: Sequence[tuple[str, str]]) -> None:
    """Write id maps of `process`, in their order."""
    for name, text in maps:
        write(f"/proc/{process}/{name}", text)


def fix_addresses(stack_limit: str) -> None:
    """Switch off random addresses for the programs that follow, and lay out their memory below a stack of this limit.

    What is forbidden stays as it is.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if hard == resource.RLIM_INFINITY or hard >= int(stack_limit):
        resource.setrlimit(resource.RLIMIT_STACK, (int(stack_limit), hard))
    current = libc.personality(ctypes.c_ulong(CURRENT_PERSONALITY))
    libc.personality(ctypes.c_ulong(max(current, 0) | ADDR_NO_RANDOMIZE))


def no_new_privs() -> None:
    """Disable new privileges by execve (man 2 prctl)."""
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def no_store_bypass() -> None:
    """Disable speculative store bypass (man 2 prctl: PR_SET_SPECULATION_CTRL)."""
    check(libc.prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, PR_SPEC_DISABLE, 0, 0))


def seccomp(path: str) -> None:
    """Load the system call filter in the file `path`, raw instructions of classic BPF."""
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        code = file.read()
    program = Program(len(code) // INSTRUCTION_BYTES, code)
    number = SYS_SECCOMP[os.uname().machine]
    flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW
    check(libc.syscall(number, SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(program)))


def descriptors(numbers: str) -> None:
    """Let the command inherit the descriptors of a list like `9,7`: they become 3, 4, ... in this order."""
    given = [int(number) for number in numbers.split(",")]
    free = FIRST_DESCRIPTOR + len(given)
    moved = [fcntl.fcntl(number, fcntl.F_DUPFD, max(free, *given) + 1) for number in given]
    for number in given:
        os.close(number)
    for place, number in enumerate(moved):
        os.dup2(number, FIRST_DESCRIPTOR + place)
        os.close(number)


FUNCTIONS: tuple[Callable[..., None], ...] = (
    fix_addresses, write, mkdir, mount, pivot, unshare, no_new_privs, no_store_bypass, seccomp, descriptors,
)  # fmt: skip
STEPS = {function.__name__.replace("_", "-"): function for function in FUNCTIONS}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
