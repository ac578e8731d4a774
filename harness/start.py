"""Run a module with barehop's own packages first: python -P start.py [--as CALLED] MODULE [ARGUMENTS].

CALLED becomes sys.argv[0]: a script that wraps barehop passes what the user typed.

A file `harness.py`, or a package `app` or `click`, in the current directory or on PYTHONPATH must not replace ours.
This program therefore imports only the standard library, and is started by its path.
"""

import os
import resource
import runpy
import sys
import threading
from collections.abc import Collection, Sequence

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - imports as little as can be
INTERRUPTED = 130  # the exit code
MATCHED_LAYOUT = "BAREHOP_PADDING"  # a variable of servers with a matched layout
USUAL_STACK_BYTES = 8 << 20  # _STK_LIM in linux/resource.h
SITE_DIRECTORIES = ("site-packages", "dist-packages")


def module_command(module: str) -> tuple[str, ...]:
    """Return the arguments of the interpreter that run `module` with our packages first."""
    return ("-P", os.path.abspath(__file__), module)  # noqa: PTH100 - see above


def prefer_own_packages() -> None:
    """Reorder sys.path: the standard library, barehop, the packages installed with it, then all others."""
    on_pythonpath = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]  # noqa: PTH100
    sys.path[:] = order_path(sys.path, {"", os.getcwd(), *on_pythonpath}, ROOT)  # noqa: PTH109 - see above


def order_path(path: Sequence[str], others: Collection[str], root: str) -> list[str]:
    """Return `path` with `root` before the installed packages, and the entries in `others` at the end."""
    inside = [entry for entry in path if entry not in others and entry != root]
    installed = (index for index, entry in enumerate(inside) if os.path.basename(entry) in SITE_DIRECTORIES)  # noqa: PTH119 - see above
    index = next(installed, len(inside))
    return [*inside[:index], root, *inside[index:], *(entry for entry in path if entry in others and entry != root)]


def restore_stack_limit() -> None:
    """Give threads and child processes the usual stack: with a matched layout the limit only moves libraries."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if MATCHED_LAYOUT in os.environ and soft > USUAL_STACK_BYTES:
        resource.setrlimit(resource.RLIMIT_STACK, (USUAL_STACK_BYTES, hard))
        threading.stack_size(USUAL_STACK_BYTES)


def main() -> None:
    """Run the module named on the command line as `__main__`."""
    restore_stack_limit()
    prefer_own_packages()
    called = sys.argv[2] if sys.argv[1] == "--as" else ""
    module, *arguments = sys.argv[3:] if called else sys.argv[1:]
    sys.argv[:] = [called or module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__")
    except KeyboardInterrupt:  # also during slow imports
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
