"""Describe what an interrupted run has saved, with the commands to continue."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from harness.called import command
from harness.errors import Interrupted
from harness.evidence.store import Store


@contextmanager
def tell_what_is_kept(store: Store) -> Iterator[None]:
    """Turn an interrupt in the body into one that describes what the run in `store` has saved."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(what_is_kept(store)) from None


def what_is_kept(store: Store) -> str:
    """Return a sentence on the saved sessions, and a line for each command to continue."""
    directory = shlex.quote(str(store.directory.absolute()))
    if not (store.directory / "plan.json").exists():
        return (
            "Interrupted before the first session: nothing was measured, and nothing is left running.\n"
            f"{store.directory} has no results and can be deleted."
        )
    resume = f"Continue it  {command()} run --resume {directory}"
    done, planned = len(store.sessions()), store.read_plan().schedule.sessions
    if not done:
        return f"Interrupted before the end of the first session: nothing is left running.\n{resume}"
    sentence = f"Interrupted after {done} of {planned} sessions. They are kept; nothing is left running."
    return f"{sentence}\n{resume}\nReport it    {command()} report {directory}"
