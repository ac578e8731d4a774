"""Finds knobs that cannot be set on this machine: by trial where that leaves no trace, else by a look at the files."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from harness.errors import MachineError
from harness.lab.kernel.entries import entries_of, trial_problem
from harness.lab.kernel.global_files import files_of
from harness.lab.kernel.linked_values import contradictions
from harness.lab.kernel.refusals import refusals
from harness.lab.kernel.settings import Kernel, Setting
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


def _restore_problem(files: Sequence[FileText], roots: Roots) -> str | None:
    try:
        return trial_problem(entries_of({file.path: [file] for file in files}, roots))
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"


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
