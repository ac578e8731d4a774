"""Finds applications of barehop's own that are measured though the current directory has one of the same name."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.lab.app_failures import files_of
from harness.lab.application_path import ROOT
from harness.model import Settings

GUNICORN_CHAINS = ("full", "app-direct")


def namesakes(arms: Iterable[Settings], directory: Path) -> Iterator[str]:
    """Yield a sentence for each application without an `app_dir` that `directory` has one of the same name as."""
    if directory.resolve() == ROOT:
        return
    apps = (one.app for one in arms if not one.url and not one.app_dir and one.chain in GUNICORN_CHAINS)
    for app in dict.fromkeys(apps):
        module = app.partition(":")[0]
        if _has(module, ROOT) and _has(module, directory):
            yield (
                f"The application {app} is barehop's own. The current directory has one of this name, too: "
                "--set arm.app_dir=. measures it."
            )


def _has(module: str, directory: Path) -> bool:
    return any(path.exists() for path in files_of(module, directory))
