"""Measures the pages of results/published one after the other; what a directory already has is not measured again."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness.errors import LoadError
from harness.start import module_command
from scripts.publication.pages import CHECKOUT, RunPage, StudyPage
from scripts.study_door import ending_with_us

MEASURED = (0, 1)  # 1: the result is not valid; the page says this
LOG = "log.txt"
STUDY_IS_DONE = "published"  # a file in the directory of a study, written when it has ended

Say = Callable[[str], None]


def measure(page: RunPage | StudyPage, directory: Path, say: Say) -> None:
    """Measure what `page` shows into `directory`, unless it is there. Raises LoadError if its command fails."""
    if is_measured(page, directory):
        return
    if isinstance(page, RunPage):
        say(page.command)
        results = directory / page.results
        if results.exists():
            _call(directory, *module_command("harness"), "run", "--resume", str(results), "--quiet")
        else:
            config = CHECKOUT / "configs" / f"{page.config}.toml"
            _call(directory, *module_command("harness"), "run", str(config), "--quiet", "--out", page.results)
        return
    say(page.command)
    _call(directory, *module_command(page.module), *page.options, "--publish")
    (directory / f"{page.results}.{STUDY_IS_DONE}").touch()


def is_measured(page: RunPage | StudyPage, directory: Path) -> bool:
    """Return whether `directory` has all results of `page`."""
    if isinstance(page, RunPage):
        return (directory / page.results / "summary.json").is_file()
    return (directory / f"{page.results}.{STUDY_IS_DONE}").is_file()


def _call(directory: Path, *words: str) -> None:
    argv = ending_with_us([sys.executable, *words])
    with (directory / LOG).open("ab") as log:
        ended = subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if ended.returncode not in MEASURED:
        raise LoadError(f"{' '.join(words[2:])} ended with exit code {ended.returncode}. See {log.name}.")
