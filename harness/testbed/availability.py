"""Which knobs and rungs are not available here. Each is tried if that leaves no trace, otherwise only examined."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import MachineError, StackError
from harness.model import Settings
from harness.model.plugins import NETWORK_SCOPES, FileText
from harness.testbed.kernel.actions import SYSCTL_DIRECTORY
from harness.testbed.kernel.host_values import change_refusals, changed_files
from harness.testbed.kernel.knob_settings import KernelConfiguration, KnobSetting
from harness.testbed.kernel.restore import exclusive_groups, make_entries, restore_problem
from harness.testbed.machine.directories import private_name, tmpfs_parent
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, read_text
from harness.testbed.network.build import NetworkPath, build_path, network_path_of
from harness.testbed.network.namespace import bring_up_loopback, create_network
from harness.testbed.processes.process import SupervisedCommand, log_excerpt, start_command
from harness.testbed.sandbox.spec import Sandbox, enclosure_of, sandbox_of
from harness.testbed.stack.network import create_stack_network, set_knob

PROBE_PORT = 10_000
PROBE_TIMEOUT_S = 10.0
PROBE_COMMAND = ("/bin/sh", "-c", "exit 0")
REASONS = {
    "no-store-bypass": "This CPU has no such switch, or the kernel was booted without it. ",
    "mount overlay": "The kernel has no overlay file system, or none over the root for this user. ",
    "seccomp": "The kernel was built without filters of system calls. ",
    "unshare user": "The kernel gives this user no user namespace. ",
}


def knob_problems(
    kernels: Sequence[KernelConfiguration], *, allow_global: bool, roots: Roots = HOST_ROOTS
) -> Iterator[str]:
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
    for kernel in kernels:
        for names in exclusive_groups(setting.name for setting in kernel.of_scopes("global")):
            yield (
                f"{' and '.join(f'knobs.{json.dumps(name)}' for name in names)} exclude each other in one arm: the "
                "kernel sets one to 0 when the other is written. Keep one of them."
            )
    yield from _network_refusals(kernels, set(missing))
    yield from _process_refusals(existing)


def _missing_sysctl(setting: KnobSetting, roots: Roots) -> str | None:
    """Return why a sysctl does not exist in this kernel, with the nearest name; else None."""
    root = roots.proc / "sys"
    paths = [change.path for change in setting.changes if isinstance(change, FileText)]
    if not any(path.startswith(SYSCTL_DIRECTORY) and not (roots.top / path.lstrip("/")).is_file() for path in paths):
        return None
    files = (Path(directory, name) for directory, _, names in os.walk(root) for name in names)
    near = get_close_matches(setting.name, [".".join(path.relative_to(root).parts) for path in files], n=1)
    guess = f" Did you mean {near[0]!r}?" if near else " sysctl -a lists the existing ones."
    return f"{setting}: this kernel has no such sysctl.{guess}"


def _boot_problems(setting: KnobSetting, roots: Roots) -> Iterator[str]:
    """Yield a sentence for each boot setting that is not in force."""
    parameter = f"{setting.knob.boot_parameter}={setting.value}"
    if parameter not in (read_text(roots.proc / "cmdline") or "").split():
        yield (
            f"{setting}: this can only be set when the kernel is booted. Run the experiment without it, boot with "
            f"{parameter} on the kernel's command line, run it again, and compare: barehop compare DIR DIR."
        )


def _global_problems(setting: KnobSetting, roots: Roots, *, allow_global: bool) -> Iterator[str]:
    if problems := list(change_refusals(setting, roots)):
        yield from (f"{setting}: {reason}. {advice}" for reason, advice in problems)
    elif not allow_global:
        yield (
            f"{setting}: this changes a value of the whole machine. Allow it with run --allow-global: it is restored "
            "afterwards, however the run ends."
        )
    elif problem := _restore_problem(changed_files(setting, roots), roots):
        yield f"{setting}: it could not be restored: {problem}. Leave it out, or set it yourself before the run."


def _restore_problem(files: Sequence[FileText], roots: Roots) -> str | None:
    try:
        return restore_problem(make_entries({file.path: [file] for file in files}, roots))
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"


def _network_refusals(kernels: Iterable[KernelConfiguration], missing: set[str]) -> Iterator[str]:
    """Try the settings in temporary networks."""
    for kernel in kernels:
        settings = [setting for setting in kernel.of_scopes(*NETWORK_SCOPES) if setting.name not in missing]
        if not settings:
            continue
        try:
            with create_stack_network(replace(kernel, settings=())) as made, made.base.enter():
                yield from filter(None, [set_knob(setting) for setting in settings])
        except MachineError as error:
            yield str(error)


def _process_refusals(settings: Iterable[KnobSetting]) -> Iterator[str]:
    """Try the settings on a process that does nothing."""
    for setting in settings:
        if setting.knob.scope != "process":
            continue
        kernel = KernelConfiguration((setting,))
        try:
            with start_command(SupervisedCommand("a trial", (), Path(os.devnull), attributes=kernel.server_attributes)):
                continue
        except MachineError as error:
            yield f"{setting}: {error}"


def rung_problems(settings: Settings) -> Iterator[str]:
    """Yield why an arm's network rung or its sandbox is not available here; its other settings do not matter.

    A sandbox is tried for each rung, or else for all of them together.
    """
    network_path = network_path_of(settings)
    if network_path.places and (problem := _probe_path(network_path)):
        yield problem
    parts = [Settings(sandbox=(name,)) for name in settings.sandbox]
    parts += [Settings(cpu_quota=settings.cpu_quota)] if settings.cpu_quota else []
    problems = [text for part in parts if (text := _sandbox_problem(part))]
    if len(parts) > 1 and not problems:
        problems = [_sandbox_problem(settings)]
    yield from filter(None, dict.fromkeys(problems))


@cache
def _probe_path(network_path: NetworkPath) -> str | None:
    """Build the path once and return the error, or None."""
    try:
        with ExitStack() as exit_stack:
            networks = {place: exit_stack.enter_context(create_network()) for place in network_path.places}
            for network in networks.values():
                with network.enter():
                    bring_up_loopback()
            build_path(network_path, networks, [PROBE_PORT])
    except MachineError as error:
        return str(error)
    return None


def _sandbox_problem(settings: Settings) -> str:
    problem = _probe_sandbox(sandbox_of(settings))
    quota = f"cpu_quota = {settings.cpu_quota:g}" if settings.cpu_quota else ""
    rungs = f"sandbox = {json.dumps(settings.sandbox)}" if settings.sandbox else ""
    return f"{' with '.join(filter(None, (rungs, quota)))} is not available here: {problem}" if problem else ""


@cache
def _probe_sandbox(sandbox: Sandbox) -> str:
    """Try the sandbox once and return the problem, or ""."""
    advice = "Leave it out." if os.geteuid() == 0 else "Run barehop as root, or leave it out."
    with TemporaryDirectory() as directory:
        path = Path(directory)
        scratch = (tmpfs_parent() or path) / private_name()
        try:
            enclosure = enclosure_of(sandbox, "trial", scratch, (scratch, path))
            for file, content in enclosure.files:
                file.write_bytes(content)
            directories = (scratch, *enclosure.groups)
            words = enclosure.supervisor_words
            command = SupervisedCommand(
                "a trial", PROBE_COMMAND, path / "log", directories=directories, sandbox_steps=words
            )
            with start_command(command) as started:
                started.wait(PROBE_TIMEOUT_S)
                is_refused = started.supervisor.returncode != 0
        except (MachineError, StackError) as error:
            sentence = " ".join(str(error).split())
            return sentence if sentence.endswith(".") else f"{sentence}. {advice}"
        if not is_refused:
            return ""
        log = log_excerpt(command.log).strip()
        return f"{log}. {next((reason for step, reason in REASONS.items() if log.startswith(step)), '')}{advice}"
