"""gunicorn's --config for a user's application: no package of barehop's is found in the place of one of the user's.

An `app` without an __init__.py loses to any `app` that has one and lies anywhere else on the path, as barehop's does.
The file is read by gunicorn in whatever Python runs it, so it needs the standard library only.
"""

import sys
from importlib.machinery import PathFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("app", "configs", "harness", "scripts", "tests")


class ApplicationFirst:
    """A finder that looks for packages named like barehop's everywhere but where barehop lies."""

    @classmethod
    def find_spec(cls, name, path=None, _target=None):  # type: ignore[no-untyped-def]
        if path is not None or name not in OURS:
            return None
        spec = PathFinder.find_spec(name, [place for place in sys.path if Path(place).resolve() != ROOT])
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


def on_starting(server):  # type: ignore[no-untyped-def]
    """Called by gunicorn before its workers start, when its directory is that of the application."""
    directory = server.cfg.chdir
    sys.path[:] = [directory, *(place for place in sys.path if place != directory)]
    if Path(directory).resolve() != ROOT:
        sys.meta_path.insert(0, ApplicationFirst)
