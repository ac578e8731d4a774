"""An application of the current directory that has the name of barehop's own is not passed over in silence."""

from pathlib import Path
from typing import Any

import pytest

from harness.model import Settings
from harness.testbed.servers.failures import namesake_warnings
from harness.testbed.standalone.application_path import OWN_ROOT


def sentences(directory: Path, **settings: Any) -> list[str]:
    return list(namesake_warnings([Settings(**settings), Settings(transport="uds-tmpfs", **settings)], directory))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "app/main").mkdir(parents=True)
    (tmp_path / "app/main/__init__.py").touch()
    (tmp_path / "app/wsgi.py").touch()
    (tmp_path / "shop.py").touch()
    return tmp_path


@pytest.mark.parametrize("app", ["app.main:app", "app.wsgi:app"])
def test_an_application_of_the_same_name_is_named_once_with_the_setting(here: Path, app: str) -> None:
    assert sentences(here, app=app) == [
        f"The application {app} is barehop's own. The current directory contains one of the same name: "
        "--set arm.app_dir=. measures it."
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"app_dir": "/srv/shop"},
        {"chain": "floor"},
        {"url": "http://localhost:8000/"},
        {"app": "shop:app"},
    ],
)
def test_where_no_application_of_barehop_is_measured_there_is_no_sentence(here: Path, settings: dict[str, Any]) -> None:
    assert sentences(here, **settings) == []


def test_in_an_empty_directory_and_in_the_own_checkout_there_is_no_sentence(tmp_path: Path) -> None:
    assert sentences(tmp_path) == []
    assert sentences(OWN_ROOT) == []
