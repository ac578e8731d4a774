"""The lock files pin and hash everything that pyproject.toml asks for, and say nothing about where it came from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[3]
DOCUMENT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
PROJECT = DOCUMENT["project"]
RUNTIME = CHECKOUT / "requirements.lock"
TEST = CHECKOUT / "requirements-test.lock"
TOOLS = CHECKOUT / "requirements-tools.lock"
FRAMEWORKS = CHECKOUT / "requirements-frameworks.lock"  # no hashes: pip takes it as constraints


def pins(lock: Path) -> dict[str, set[str]]:
    """The versions of each package, of which different Pythons may need different ones."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        (RUNTIME, PROJECT["dependencies"]),
        (TEST, PROJECT["optional-dependencies"]["test"]),
        (TOOLS, PROJECT["optional-dependencies"]["tools"]),
        (FRAMEWORKS, DOCUMENT["dependency-groups"]["frameworks"]),
    ],
    ids=["runtime", "test", "tools", "frameworks"],
)
def test_every_dependency_is_pinned_to_a_version_that_was_asked_for(lock: Path, asked: list[str]) -> None:
    pinned = pins(lock)
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        assert name in pinned, "run scripts/lock"
        assert all(requirement.specifier.contains(version) for version in pinned[name])


def test_the_tests_run_with_the_packages_that_are_measured_with() -> None:
    tested = pins(TEST)
    assert all(tested[name] == versions for name, versions in pins(RUNTIME).items())


@pytest.mark.parametrize("lock", [RUNTIME, TEST, TOOLS], ids=["runtime", "test", "tools"])
def test_every_pin_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|^--|@ ", text, re.MULTILINE)
