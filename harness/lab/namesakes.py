"""Warns where the current directory has an application of the same name as barehop's own one that is measured."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.lab.app_imports import has_module
from harness.lab.application_path import ROOT
from harness.model import Settings

GUNICORN_CHAINS = ("full", "app-direct")


def namesakes(arms: Iterable[Settings], directory: Path) -> Iterator[str]:
    """Yield a sentence for each application without `app_dir` that also exists in `directory`."""
    if directory.resolve() == ROOT:
        return
    apps = (
        settings.app
        for settings in arms
        if not settings.url and not settings.app_dir and settings.chain in GUNICORN_CHAINS
    )
    for app in dict.fromkeys(apps):
        module = app.partition(":")[0]
        if has_module(module, ROOT) and has_module(module, directory):
            yield (
                f"The application {app} is barehop's own. The current directory contains one of the same name: "
                "--set arm.app_dir=. measures it."
            )
