"""A journal that another user could have written makes root write nothing anywhere."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.testbed.kernel.journal import JOURNAL_FILE, restore_journal
from harness.testbed.machine.directories import make_private_directory
from harness.testbed.machine.procfs import Roots

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
NOBODY = 65534


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    """A machine with a value that a run has changed from 60 to 10, and a file that is none of its."""
    (tmp_path / "proc/sys/vm").mkdir(parents=True)
    (tmp_path / "sys").mkdir()
    (tmp_path / "proc/sys/vm/swappiness").write_text("10")
    (tmp_path / "victim").write_text("10")
    (tmp_path / "state").mkdir(mode=0o700)
    return Roots(tmp_path)


def plant(roots: Roots, path: str, before: str = "60", ours: str = "10") -> Path:
    entry = {"path": path, "form": "words", "before": before, "ours": [ours]}
    journal = roots.top / "state" / JOURNAL_FILE
    journal.write_text(json.dumps({"boot": "unknown", "entries": [entry]}))
    journal.chmod(0o600)
    return journal


def value_of(roots: Roots) -> str:
    return f"{roots.top}/proc/sys/vm/swappiness"


def refused(roots: Roots, sentence: str) -> None:
    """With a sentence, and nothing was written."""
    with pytest.raises(MachineError, match=sentence):
        restore_journal(roots.top / "state", roots)
    assert Path(value_of(roots)).read_text() == "10"
    assert (roots.top / "victim").read_text() == "10"


def test_a_journal_of_our_own_is_used(roots: Roots) -> None:
    plant(roots, value_of(roots))
    assert restore_journal(roots.top / "state", roots).problems == ()
    assert Path(value_of(roots)).read_text() == "60"


@pytest.mark.parametrize("path", ["{top}/victim", "{top}/proc/sys/../../victim", "{top}/sys/link", "/etc/passwd"])
def test_a_path_that_is_no_value_of_the_kernel_is_refused(roots: Roots, path: str) -> None:
    (roots.top / "sys/link").symlink_to(roots.top / "victim")
    plant(roots, path.format(top=roots.top))
    refused(roots, "is not a kernel value. Nothing was changed")


@pytest.mark.parametrize("before", ["60\n70", "x" * 5000, "\x1b[2J"])
def test_a_text_that_is_no_value_is_refused(roots: Roots, before: str) -> None:
    plant(roots, value_of(roots), before)
    refused(roots, "is not one line of text")


def test_the_program_that_the_kernel_starts_is_never_written(roots: Roots) -> None:
    (roots.top / "proc/sys/kernel").mkdir()
    (roots.top / "proc/sys/kernel/core_pattern").write_text("core")
    plant(roots, f"{roots.top}/proc/sys/kernel/core_pattern", "|/tmp/evil", "core")
    refused(roots, "a program that the kernel starts as root")


def link(journal: Path) -> None:
    journal.rename(journal.with_name("elsewhere"))
    journal.symlink_to("elsewhere")


def second_name(journal: Path) -> None:
    journal.with_name("second").hardlink_to(journal)


def pipe(journal: Path) -> None:
    journal.unlink()
    os.mkfifo(journal)


def open_mode(journal: Path) -> None:
    journal.chmod(0o666)


def open_directory(journal: Path) -> None:
    journal.parent.chmod(0o777)


def linked_directory(journal: Path) -> None:
    real = journal.parent.with_name("real")
    journal.parent.rename(real)
    real.with_name("state").symlink_to(real)


@pytest.mark.parametrize("change", [link, second_name, pipe, open_mode, open_directory, linked_directory])
def test_what_others_may_have_put_there_is_refused(roots: Roots, change: Callable[[Path], None]) -> None:
    change(plant(roots, value_of(roots)))
    refused(roots, "Nothing in it is used. Examine and remove it")


def foreign_journal(journal: Path) -> None:
    os.chown(journal, NOBODY, NOBODY)


def foreign_directory(journal: Path) -> None:
    os.chown(journal.parent, NOBODY, NOBODY)


def foreign_parent(journal: Path) -> None:
    os.chown(journal.parent.parent, NOBODY, NOBODY)


@AS_ROOT
@pytest.mark.needs_root
@pytest.mark.parametrize("change", [foreign_journal, foreign_directory, foreign_parent])
def test_what_another_user_owns_is_refused(roots: Roots, change: Callable[[Path], None]) -> None:
    change(plant(roots, value_of(roots)))
    refused(roots, f"belongs to user {NOBODY}")


def test_a_new_directory_is_ours_alone(tmp_path: Path) -> None:
    made = make_private_directory(tmp_path / "a/b")
    assert made.stat().st_mode & 0o777 == 0o700
    assert make_private_directory(made) == made


def test_a_link_of_our_own_on_the_way_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "real")
    assert make_private_directory(tmp_path / "home/state").is_dir()
