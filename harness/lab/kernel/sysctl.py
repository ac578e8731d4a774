"""Any sysctl as a knob, by its name."""

from pathlib import Path

from harness.model.knobs import FileText, Knob, Scope, sysctl_touches

ROOT = Path("/proc/sys")
OF_NETWORKS = ("net.", "net/")


def sysctl_file(name: str, root: Path = ROOT) -> Path:
    """Its file: a dot in a part, like that of a VLAN, is written as a slash (sysctl(8)) and stays one here."""
    return root / name.replace(".", "\0").replace("/", ".").replace("\0", "/")


def sysctl_knob(name: str, scope: Scope) -> Knob:
    """`scope` is for the machine to say."""
    return Knob(
        scope=scope,
        touches=sysctl_touches(name),
        problem=lambda _: None,
        changes=lambda value: (FileText(str(sysctl_file(name)), str(value)),),
    )


def is_a_networks(name: str) -> bool:
    """Whether this thread's network, which is a new one, has a value of its own that can be written."""
    try:
        return name.startswith(OF_NETWORKS) and bool(sysctl_file(name).stat().st_mode & 0o222)
    except OSError:
        return False
