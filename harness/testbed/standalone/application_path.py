"""Hides barehop's packages from a user's application, so that packages of the same name are found.

An `app` without an __init__.py loses to any `app` on the path that has one, as barehop's does. This is gunicorn's
--config, and the program that runs uvicorn: `python -P application_path.py --app-dir=DIRECTORY ...`. Both run it in
their own Python, so it needs the standard library only.
"""

import runpy
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
    put_first(server.cfg.chdir)


def put_first(directory: str) -> None:
    """Put `directory` first on the path, and hide barehop's packages unless they are in it."""
    sys.path[:] = [directory, *(place for place in sys.path if place != directory)]
    if Path(directory).resolve() != OWN_ROOT:
        sys.meta_path.insert(0, ApplicationFirst)


if __name__ in ("__main__", "__mp_main__"):  # the second is a worker process of uvicorn
    option = "--app-dir="
    put_first(next(word.removeprefix(option) for word in sys.argv if word.startswith(option)))
if __name__ == "__main__":
    runpy.run_module("uvicorn", run_name="__main__", alter_sys=False)
