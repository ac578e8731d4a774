"""Any sysctl as a knob, by its name."""

from pathlib import Path

from harness.model.knobs import FileText, Knob, Scope, sysctl_touches

SYSCTL_ROOT = Path("/proc/sys")
NETWORK_PREFIXES = ("net.", "net/")


def sysctl_file(name: str, root: Path = SYSCTL_ROOT) -> Path:
    """Return its file. A slash in the name, as sysctl(8) writes a dot inside a part, stays a dot in the path."""
    return root / name.replace(".", "\0").replace("/", ".").replace("\0", "/")


def sysctl_knob(name: str, scope: Scope) -> Knob:
    """Return the sysctl as a knob; its `scope` depends on the machine."""
    return Knob(
        help="Any sysctl by its name.",
        scope=scope,
        touches=sysctl_touches(name),
        problem=lambda _: None,
        changes=lambda value: (FileText(str(sysctl_file(name)), str(value)),),
    )


def is_a_networks(name: str) -> bool:
    """Return whether this thread's network, a new one, has its own writable value of the sysctl."""
    try:
        return name.startswith(NETWORK_PREFIXES) and bool(sysctl_file(name).stat().st_mode & 0o222)
    except OSError:
        return False
