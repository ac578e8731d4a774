"""What has changed on a machine since a run began, and whether it may go on."""

from typing import Any

import pytest

from harness.analysis.arm_summaries import application_files
from harness.analysis.between_runs.metadata import (
    changes_since,
    describe_changes,
    is_decisive,
    metadata_differences,
    serving_trees,
)


def served(*arms: str, uvloop: str = "0.21.0") -> dict[str, Any]:
    return {
        "arms": list(arms),
        "nginx": {"version": "nginx/1.22.1"},
        "python": {"version": "3.12.1", "packages": {"uvloop": uvloop}},
        "application": {"app": "main:app", "directory": "src", "file": "main.py", "sha256": "ab" * 32},
    }


def host(**parts: Any) -> dict[str, Any]:
    return {
        "kernel": {"release": "6.1.0"},
        "memory": {"total_bytes": 8, "available_bytes": 5},
        "programs": {"nginx": "nginx version: nginx/1.22.1"},
        "environment": {"LANG": "C"},
        "serving": [served("tcp", "uds")],
        **parts,
    }


@pytest.mark.parametrize(
    ("parts", "sentence", "decisive"),
    [
        ({"kernel": {"release": "6.12.1"}}, "kernel.release was 6.1.0 and is 6.12.1 now.", True),
        (
            {"environment": {"LANG": "C", "PYTHONDEVMODE": "1"}},
            "environment.PYTHONDEVMODE was absent and is 1 now.",
            True,
        ),
        ({"environment": {"LANG": "de"}}, "environment.LANG was C and is de now.", False),
        ({"environment": {}}, "environment.LANG was C and is absent now.", False),
        ({"memory": {"total_bytes": 4}}, "memory.total_bytes was 8 and is 4 now.", False),
        (
            {"serving": [served("tcp", "uds", uvloop="0.22.0")]},
            "serving.python.packages.uvloop was 0.21.0 and is 0.22.0 now.",
            True,
        ),
    ],
)
def test_a_change_is_told_with_both_values_and_weighed(parts: dict[str, Any], sentence: str, decisive: bool) -> None:
    (change,) = changes_since(host(), host(**parts))
    assert describe_changes([change]) == [sentence]
    assert is_decisive(change) is decisive


def test_what_passes_by_itself_and_what_was_not_recorded_has_not_changed() -> None:
    old = {name: facts for name, facts in host().items() if name not in ("environment", "serving")}
    assert changes_since(old, host(memory={"total_bytes": 8, "available_bytes": 1})) == ()
    assert changes_since({}, host()) == ()


def test_an_old_run_still_knows_another_nginx() -> None:
    old = {
        name: facts
        for name, facts in host(programs={"nginx": "nginx version: nginx/1.18.0"}).items()
        if name != "serving"
    }
    assert [change.field for change in changes_since(old, host())] == ["programs.nginx"]


def test_arms_that_are_served_differently_stand_under_their_names() -> None:
    both = [served("tcp", "uds")]
    one = [served("tcp"), served("uds", uvloop="0.22.0")]
    (found,) = metadata_differences(serving_trees([host(serving=both), host(serving=one)]))
    assert (found.field, found.values) == ("serving.uds.python.packages.uvloop", ("0.21.0", "0.22.0"))


def test_an_empty_part_is_known_and_a_missing_one_is_not() -> None:
    (found,) = metadata_differences([{"environment": {}}, {"environment": {"TZ": "UTC"}}, {}])
    assert found.values == (None, "UTC", None)
    assert tuple(metadata_differences([{}, {"environment": {"TZ": "UTC"}}])) == ()


def test_each_application_is_named_once_with_all_its_arms() -> None:
    (application,) = application_files(host(serving=[served("tcp"), served("uds", uvloop="0.22.0")]))
    assert (application.file, application.arms) == ("main.py", ("tcp", "uds"))
    assert application_files({}) == ()
