"""Which files of this machine a global knob is: patterns and alternatives become the paths that are there."""

from dataclasses import replace

from harness.lab.kernel.settings import Setting
from harness.lab.kernelfiles import HERE, Roots
from harness.model.knobs import FileText, FirstOf, HeldOpen


def files_of(setting: Setting, roots: Roots = HERE) -> list[FileText]:
    """Empty where this machine has none of them."""
    found: list[FileText] = []
    for change in setting.changes:
        if isinstance(change, FileText):
            found += _there(change, roots)
        elif isinstance(change, FirstOf):
            found += next(filter(None, (_there(file, roots) for file in change.files)), [])
    return found


def holders_of(setting: Setting) -> list[HeldOpen]:
    return [change for change in setting.changes if isinstance(change, HeldOpen)]


def _there(file: FileText, roots: Roots) -> list[FileText]:
    """Of those that may refuse only what can be written at all."""
    paths = sorted(roots.top.glob(file.path.lstrip("/")))
    found = [path for path in paths if not file.refusable or path.stat().st_mode & 0o222]
    return [replace(file, path=str(path)) for path in found]
