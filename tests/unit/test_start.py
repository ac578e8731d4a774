"""Our packages come before any others, whatever PYTHONPATH and the current directory hold."""

import shutil

import pytest

from harness.console import invocation_words, program_on_path
from harness.start import order_path

STANDARD = ["/usr/lib/python3.11", "/usr/lib/python3.11/lib-dynload"]
SITE = "/venv/lib/python3.11/site-packages"


def test_a_checkout_comes_before_installed_packages_and_other_directories_come_last() -> None:
    found = order_path(["/work", "/stray", *STANDARD, SITE, "/checkout"], {"/work", "/stray"}, "/checkout")
    assert found == [*STANDARD, "/checkout", SITE, "/work", "/stray"]


def test_an_installed_barehop_stays_behind_the_standard_library() -> None:
    assert order_path(["", *STANDARD, SITE], {"", "/work"}, SITE) == [*STANDARD, SITE, ""]


def test_our_directory_is_ours_even_where_pythonpath_names_it() -> None:
    assert order_path(["/target", *STANDARD], {"/target"}, "/target") == [*STANDARD, "/target"]


def test_a_command_that_the_shell_finds_by_its_name_is_printed_by_its_name() -> None:
    assert invocation_words("/venv/bin/barehop", "/venv/bin/python", "/venv/bin/barehop") == ("barehop",)
    assert invocation_words("barehop", "python", None) == ("barehop",)


def test_a_command_that_was_called_by_its_path_is_printed_by_that_path() -> None:
    assert invocation_words(".venv/bin/barehop", "python", "/usr/bin/barehop") == (".venv/bin/barehop",)


def test_a_module_is_printed_as_it_was_called() -> None:
    assert invocation_words("/checkout/harness/__main__.py", "python3", None) == ("python3", "-m", "harness")


def test_the_path_of_a_script_that_names_its_caller_is_not_that_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/checkout/.venv/bin/{name}")
    words = ["/checkout/.venv/bin/python", "-P", "/checkout/harness/start.py", "--as", ".venv/bin/barehop", "harness"]
    assert program_on_path(words) is None
    assert program_on_path(["python", "/checkout/.venv/bin/barehop"]) == "/checkout/.venv/bin/barehop"
