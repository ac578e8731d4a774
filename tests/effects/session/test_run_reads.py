"""A whole run surveys the machine once, reads its experiment once, and reads no session that it has measured."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.cli import run as command
from harness.session import run_experiment
from harness.store.store import Store

FIXED = ("design.sessions=2", "design.rounds=2", "design.burst=8", "design.settle=2")


def test_a_run_reads_everything_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def count(owner: Any, name: str) -> None:
        function: Callable[..., Any] = getattr(owner, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, counting)

    count(command, "read_experiment")
    count(run_experiment, "survey_machine")
    count(Store, "read_sessions")
    overrides = [word for override in FIXED for word in ("--set", override)]

    CliRunner().invoke(
        cli, ["run", "baseline", *overrides, "--out", str(tmp_path / "out"), "--quiet"], standalone_mode=False
    )

    assert calls == {"read_experiment": 1, "survey_machine": 1}
    assert Store(tmp_path / "out").session_numbers() == [1, 2]
