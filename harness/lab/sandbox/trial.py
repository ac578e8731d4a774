"""Tries a sandbox on a process that does nothing, and takes it away again."""

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

ENDS_S = 10.0
NOTHING = ("/bin/sh", "-c", "exit 0")
WHY = {
    "no-store-bypass": "This CPU knows no such switch, or the kernel was booted so that it is out of reach. ",
    "mount overlay": "The kernel has no overlay file system, or none over the root for this user. ",
    "seccomp": "The kernel was built without filters of system calls. ",
    "unshare user": "The kernel gives this user no user namespace. ",
}


def sandbox_problems(settings: Settings) -> Iterator[str]:
    """Why the sandbox of an arm cannot be had here, rung by rung, or only all of it together."""
    alone = [Settings(sandbox=(name,)) for name in settings.sandbox]
    quota = [Settings(cpu_quota=settings.cpu_quota)] if settings.cpu_quota else []
    parts = [*alone, *quota]
    found = [text for part in parts if (text := _told(part))]
    together = [_told(settings)] if len(parts) > 1 and not found else []
    yield from filter(None, dict.fromkeys([*found, *together]))


def _told(settings: Settings) -> str:
    problem = _problem(sandbox_of(settings))
    quota = f"cpu_quota = {settings.cpu_quota:g}" if settings.cpu_quota else ""
    rungs = f"sandbox = {json.dumps(settings.sandbox)}" if settings.sandbox else ""
    return f"{' with '.join(filter(None, (rungs, quota)))} cannot be had here: {problem}" if problem else ""


@cache
def _problem(sandbox: Sandbox) -> str:
    """Tried once: a kernel stays what it is. "" where there is none."""
    with TemporaryDirectory() as directory:
        place = Path(directory)
        scratch = (tmpfs_parent() or place) / private_name()
        try:
            enclosure = enclosed(sandbox, "trial", scratch, (scratch, place))
            for path, content in enclosure.files:
                path.write_bytes(content)
            service = Service(
                "a trial", NOTHING, place / "log", directories=(scratch, *enclosure.groups), steps=enclosure.words
            )
            with running(service) as started:
                started.wait(ENDS_S)
                refused = started.keeper.returncode != 0
        except (MachineError, StackError) as error:
            return _one_line(str(error))
        return _refusal(log_tail(service.log).strip()) if refused else ""


def _refusal(log: str) -> str:
    why = next((reason for step, reason in WHY.items() if log.startswith(step)), "")
    return f"{log}. {why}{_way_out()}"


def _one_line(text: str) -> str:
    sentence = " ".join(text.split())
    return sentence if sentence.endswith(".") else f"{sentence}. {_way_out()}"


def _way_out() -> str:
    return "Leave it out." if os.geteuid() == 0 else "Run barehop as root, or leave it out."
