"""Speculative store bypass disabled, where the CPU knows it."""

from harness.model.rungs import SandboxRung

PLUGIN = SandboxRung(
    stands_for="what a seccomp profile brought with it before Linux 5.16, in any container",
    by_hand=(
        "python3 -c 'import ctypes, os, sys; ctypes.CDLL(None).prctl(53, 0, 4, 0, 0); os.execvp(sys.argv[1], "
        "sys.argv[1:])' COMMAND",
    ),
    no_store_bypass=True,
)
