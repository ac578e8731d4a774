"""Finds knobs that cannot be set on this machine: by trial where that leaves no trace, else by a look at the files."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from harness.errors import MachineError
from harness.lab.kernel.entries import entries_of, trial_problem
from harness.lab.kernel.global_files import files_of, holders_of
from harness.lab.kernel.linked_values import contradictions, irreversible, sysctl_name
from harness.lab.kernel.settings import Kernel, Setting
from harness.lab.kernel.turning import choices_of, wanted
from harness.lab.kernelfiles import HERE, Roots, read
from harness.lab.network.networks import network_of, turned
from harness.lab.process import Service, running
from harness.model.knobs import OF_A_NETWORK, FileText

SYSCTLS = "/proc/sys/"


def knob_problems(kernels: Sequence[Kernel], *, allow_global: bool, roots: Roots = HERE) -> Iterator[str]:
    """Yield a sentence for each problem; values of the host are not changed."""
    settings = list(dict.fromkeys(setting for kernel in kernels for setting in kernel.settings))
    missing = {setting.name: problem for setting in settings if (problem := _missing_sysctl(setting, roots))}
    yield from missing.values()
    existing = [setting for setting in settings if setting.name not in missing]
    for setting in existing:
        if setting.knob.scope == "boot":
            yield from _boot_problems(setting, roots)
        if setting.knob.scope == "global":
            yield from _global_problems(setting, roots, allow_global=allow_global)
    yield from _contradiction_problems(kernels)
    yield from _network_refusals(kernels, set(missing))
    yield from _process_refusals(existing)


def _contradiction_problems(kernels: Sequence[Kernel]) -> Iterator[str]:
    for kernel in kernels:
        for names in contradictions(setting.name for setting in kernel.of("global")):
            yield (
                f"{' and '.join(f'knobs.{json.dumps(name)}' for name in names)} exclude each other in one arm: the "
                "kernel sets one to 0 when the other is written. Keep one of them."
            )


def _missing_sysctl(setting: Setting, roots: Roots) -> str | None:
    """Return why a sysctl does not exist in this kernel, with the nearest name; else None."""
    root = roots.proc / "sys"
    paths = [change.path for change in setting.changes if isinstance(change, FileText)]
    if not any(path.startswith(SYSCTLS) and not (roots.top / path.lstrip("/")).is_file() for path in paths):
        return None
    files = (Path(directory, name) for directory, _, names in os.walk(root) for name in names)
    near = get_close_matches(setting.name, [".".join(path.relative_to(root).parts) for path in files], n=1)
    guess = f" Did you mean {near[0]!r}?" if near else " sysctl -a lists the existing ones."
    return f"{setting}: this kernel has no such sysctl.{guess}"


def _boot_problems(setting: Setting, roots: Roots) -> Iterator[str]:
    """Yield why a boot setting is not in force."""
    parameter = f"{setting.knob.by_boot}={setting.value}"
    if parameter not in (read(roots.proc / "cmdline") or "").split():
        yield (
            f"{setting}: this can only be set when the kernel is booted. Run the experiment without it, boot with "
            f"{parameter} on the kernel's command line, run it again, and compare: barehop compare DIR DIR."
        )


def refusals(setting: Setting, roots: Roots = HERE) -> Iterator[tuple[str, str]]:
    """Yield (reason, advice) for why a value of the whole machine cannot be changed; nothing is written."""
    files, holders = files_of(setting, roots), holders_of(setting)
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
        if choices and wanted(file) not in choices:
            yield f"{file.path} takes one of {', '.join(choices)}", "Choose from these."


def _global_problems(setting: Setting, roots: Roots, *, allow_global: bool) -> Iterator[str]:
    problems = list(refusals(setting, roots))
    yield from (f"{setting}: {reason}. {advice}" for reason, advice in problems)
    if not problems and allow_global and (problem := _restore_problem(files_of(setting, roots), roots)):
        yield f"{setting}: it could not be restored: {problem}. Leave it out, or set it yourself before the run."
    if not problems and not allow_global:
        yield (
            f"{setting}: this changes a value of the whole machine. Allow it with run --allow-global: it is restored "
            "afterwards, however the run ends."
        )


def _irreversible_reason(file: FileText, roots: Roots) -> str | None:
    """Return why this file could not be restored after a change, or None."""
    if not Path(file.path).stat().st_mode & 0o444:
        return f"{file.path} is write-only, so its present value is unknown"
    name, now = sysctl_name(file.path, roots), read(Path(file.path)) or ""
    reason = irreversible(name, file.text) or irreversible(name, now)
    return f"{file.path} could not be restored: {reason}" if reason else None


def _restore_problem(files: Sequence[FileText], roots: Roots) -> str | None:
    try:
        return trial_problem(entries_of({file.path: [file] for file in files}, roots))
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"


def _open_error(path: Path) -> str | None:
    """Return why the file cannot be opened for writing, or None; nothing is written."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.strerror
    return None


def _network_refusals(kernels: Iterable[Kernel], missing: set[str]) -> Iterator[str]:
    """Try the settings in networks that are thrown away."""
    for kernel in kernels:
        settings = [setting for setting in kernel.of(*OF_A_NETWORK) if setting.name not in missing]
        if not settings:
            continue
        try:
            with network_of(replace(kernel, settings=())) as made, made.network.entered():
                yield from filter(None, [turned(setting) for setting in settings])
        except MachineError as error:
            yield str(error)


def _process_refusals(settings: Iterable[Setting]) -> Iterator[str]:
    """Try the settings on a process that does nothing."""
    for setting in settings:
        if setting.knob.scope != "process":
            continue
        kernel = Kernel((setting,))
        try:
            with running(Service("a trial", (), Path(os.devnull), started_with=kernel.of_servers)):
                continue
        except MachineError as error:
            yield f"{setting}: {error}"
