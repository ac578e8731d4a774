"""Finds applications of barehop's own that are measured though the current directory has one of the same name."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.lab.app_imports import has_module
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
        if has_module(module, ROOT) and has_module(module, directory):
            yield (
                f"The application {app} is barehop's own. The current directory has one of this name, too: "
                "--set arm.app_dir=. measures it."
            )
