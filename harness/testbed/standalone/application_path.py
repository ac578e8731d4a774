"""gunicorn's --config for a user's application: hides barehop's packages, so that packages of the same name are found.

An `app` without an __init__.py loses to any `app` on the path that has one, as barehop's does. gunicorn reads this file
in the Python that runs it, so it needs the standard library only.
"""

import sys
from importlib.machinery import PathFinder
from pathlib import Path

OWN_ROOT = Path(__file__).resolve().parents[3]
OWN_PACKAGES = ("app", "configs", "harness", "scripts", "tests")


class ApplicationFirst:
    """A finder that skips barehop's directory for packages named like barehop's."""

    @classmethod
    def find_spec(cls, name, path=None, _target=None):  # type: ignore[no-untyped-def]
        """Find a top-level package outside barehop's directory."""
        if path is not None or name not in OWN_PACKAGES:
            return None
        spec = PathFinder.find_spec(name, [place for place in sys.path if Path(place).resolve() != OWN_ROOT])
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


def on_starting(server):  # type: ignore[no-untyped-def]
    """Put the application's directory first on the path; gunicorn calls this before its workers start."""
    directory = server.cfg.chdir
    sys.path[:] = [directory, *(place for place in sys.path if place != directory)]
    if Path(directory).resolve() != OWN_ROOT:
        sys.meta_path.insert(0, ApplicationFirst)
