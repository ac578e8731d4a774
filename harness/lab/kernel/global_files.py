"""Finds the files of a global knob on this machine, from patterns and alternatives."""

from dataclasses import replace

from harness.lab.kernel.settings import Setting
from harness.lab.kernelfiles import HERE, Roots
from harness.model.knobs import FileText, FirstOf, HeldOpen


def files_of(setting: Setting, roots: Roots = HERE) -> list[FileText]:
    """Return the files that the setting changes here; none where this machine has none of them."""
    files: list[FileText] = []
    for change in setting.changes:
        if isinstance(change, FileText):
            files += _existing(change, roots)
        elif isinstance(change, FirstOf):
            files += next(filter(None, (_existing(alternative, roots) for alternative in change.files)), [])
    return files


def holders_of(setting: Setting) -> list[HeldOpen]:
    """Return the files that the setting holds open."""
    return [change for change in setting.changes if isinstance(change, HeldOpen)]


def _existing(file: FileText, roots: Roots) -> list[FileText]:
    """Return the existing files; of those that may refuse, only writable ones."""
    paths = sorted(roots.top.glob(file.path.lstrip("/")))
    existing = [path for path in paths if not file.refusable or path.stat().st_mode & 0o222]
    return [replace(file, path=str(path)) for path in existing]
