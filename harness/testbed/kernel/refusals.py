"""Why a value of the whole machine cannot be changed and restored; nothing is written."""

import os
from collections.abc import Iterator
from pathlib import Path

from harness.model.knobs import FileText
from harness.testbed.kernel.apply import choices_of, wanted_value
from harness.testbed.kernel.entries import irreversible_reason, sysctl_name
from harness.testbed.kernel.host_values import changed_files, held_files
from harness.testbed.kernel.settings import KnobSetting
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, read_text


def change_refusals(setting: KnobSetting, roots: Roots = HOST_ROOTS) -> Iterator[tuple[str, str]]:
    """Yield (reason, advice) for why a value of the whole machine cannot be changed; nothing is written."""
    files, holders = changed_files(setting, roots), held_files(setting)
    paths = [*(Path(file.path) for file in files), *(roots.top / holder.path.lstrip("/") for holder in holders)]
    if not any(path.exists() for path in paths):
        yield "not available on this machine", "Leave it out."
    elif not all(path.exists() and path.stat().st_mode & 0o222 for path in paths):
        yield f"{paths[0]} is read-only here", "Leave it out."
    elif reason := next(filter(None, (_irreversible_reason(file, roots) for file in files)), None):
        yield reason, "Leave it out."
    elif error := next(filter(None, map(_open_error, paths)), None):
        reason = f"{paths[0]}, a value of the whole machine, cannot be changed: {error}"
        yield reason, "Run barehop as root, and not in a container."
    for file in files:
        choices = choices_of(file)
        if choices and wanted_value(file) not in choices:
            yield f"{file.path} takes one of {', '.join(choices)}", "Choose from these."


def _irreversible_reason(file: FileText, roots: Roots) -> str | None:
    """Return why this file could not be restored after a change, or None."""
    if not Path(file.path).stat().st_mode & 0o444:
        return f"{file.path} is write-only, so its present value is unknown"
    name, now = sysctl_name(file.path, roots), read_text(Path(file.path)) or ""
    reason = irreversible_reason(name, file.text) or irreversible_reason(name, now)
    return f"{file.path} could not be restored: {reason}" if reason else None


def _open_error(path: Path) -> str | None:
    """Return why the file cannot be opened for writing, or None; nothing is written."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.strerror
    return None
