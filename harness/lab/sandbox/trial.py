"""Tries a sandbox on a process that does nothing."""

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import MachineError, StackError
from harness.lab.directories import private_name, tmpfs_parent
from harness.lab.process import Service, log_tail, running
from harness.lab.sandbox.asked import Sandbox, sandbox_of
from harness.lab.sandbox.enclosures import enclosed
from harness.model import Settings

PROBE_S = 10.0
PROBE_COMMAND = ("/bin/sh", "-c", "exit 0")
REASONS = {
    "no-store-bypass": "This CPU has no such switch, or the kernel was booted without it. ",
    "mount overlay": "The kernel has no overlay file system, or none over the root for this user. ",
    "seccomp": "The kernel was built without filters of system calls. ",
    "unshare user": "The kernel gives this user no user namespace. ",
}


def sandbox_problems(settings: Settings) -> Iterator[str]:
    """Yield why the sandbox of an arm is not available here, for each rung, or else for all of them together."""
    alone = [Settings(sandbox=(name,)) for name in settings.sandbox]
    quota = [Settings(cpu_quota=settings.cpu_quota)] if settings.cpu_quota else []
    parts = [*alone, *quota]
    problems = [text for part in parts if (text := _problem_sentence(part))]
    together = [_problem_sentence(settings)] if len(parts) > 1 and not problems else []
    yield from filter(None, dict.fromkeys([*problems, *together]))


def _problem_sentence(settings: Settings) -> str:
    problem = _probe_sandbox(sandbox_of(settings))
    quota = f"cpu_quota = {settings.cpu_quota:g}" if settings.cpu_quota else ""
    rungs = f"sandbox = {json.dumps(settings.sandbox)}" if settings.sandbox else ""
    return f"{' with '.join(filter(None, (rungs, quota)))} is not available here: {problem}" if problem else ""


@cache
def _probe_sandbox(sandbox: Sandbox) -> str:
    """Try the sandbox once and return the problem, or ""."""
    with TemporaryDirectory() as directory:
        path = Path(directory)
        scratch = (tmpfs_parent() or path) / private_name()
        try:
            enclosure = enclosed(sandbox, "trial", scratch, (scratch, path))
            for path, content in enclosure.files:
                path.write_bytes(content)
            service = Service(
                "a trial", PROBE_COMMAND, path / "log", directories=(scratch, *enclosure.groups), steps=enclosure.words
            )
            with running(service) as started:
                started.wait(PROBE_S)
                is_refused = started.keeper.returncode != 0
        except (MachineError, StackError) as error:
            return _sentence(str(error))
        return _refusal_sentence(log_tail(service.log).strip()) if is_refused else ""


def _refusal_sentence(log: str) -> str:
    reason = next((reason for step, reason in REASONS.items() if log.startswith(step)), "")
    return f"{log}. {reason}{_advice()}"


def _sentence(text: str) -> str:
    sentence = " ".join(text.split())
    return sentence if sentence.endswith(".") else f"{sentence}. {_advice()}"


def _advice() -> str:
    return "Leave it out." if os.geteuid() == 0 else "Run barehop as root, or leave it out."
