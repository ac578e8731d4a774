"""Results that an earlier version left are reported, compared and validated to the same numbers."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.model import METRICS

OLD = Path(__file__).parents[1] / "data/old_results"
FIRST, SECOND = str(OLD / "first"), str(OLD / "second")
PERCENTILE = re.compile(r"/arms/[^/]+(/[^/]+)?/p[0-9]+_us$")  # of too few requests a session, for earlier versions
OLD_METRICS = {"latency", "capacity", "mean", "cpu", "throughput"}


def of_old_metrics(entries: list[object]) -> list[object]:
    """Return the entries without those on new metrics and on percentiles of all sessions together."""
    new = METRICS.keys() - OLD_METRICS
    return [
        entry
        for entry in entries
        if not (isinstance(entry, dict) and (entry.get("metric") in new or entry.get("pooled")))
    ]


def differences(old: object, new: object, place: str = "") -> Iterator[str]:
    """Yield each place whose old value is gone or another; keys, new metrics and percentiles may be added."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from (f"{place}/{key} is gone" for key in old.keys() - new.keys())
        for key in old.keys() & new.keys():
            yield from differences(old[key], new[key], f"{place}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(known := of_old_metrics(new)):
        for index, (old_entry, new_entry) in enumerate(zip(old, known, strict=True)):
            yield from differences(old_entry, new_entry, f"{place}/{index}")
    elif isinstance(old, float) and isinstance(new, float):
        if not math.isclose(old, new, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{place} was {old} and is {new}"
    elif old != new and not (old is None and PERCENTILE.search(place)):
        yield f"{place} was {old!r} and is {new!r}"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("report", FIRST), "summary.json"),
        (("compare", FIRST, SECOND), "comparison.json"),
        (("validate", FIRST), "validation.json"),
    ],
)
def test_results_of_an_earlier_version_give_the_same_numbers(arguments: tuple[str, ...], expected: str) -> None:
    result = CliRunner().invoke(cli, [*arguments, "--json"], standalone_mode=False)
    assert result.exception is None, result.output
    old = json.loads((OLD / expected).read_text(encoding="utf-8").replace("RESULTS", str(OLD)))
    assert list(differences(old, json.loads(result.stdout))) == []


def test_a_number_that_has_changed_is_a_difference() -> None:
    old = {"a": [{"b": 1.0}], "c": "text"}
    assert list(differences(old, {"a": [{"b": 1.1, "new": 2}], "c": "text"})) == ["/a/0/b was 1.0 and is 1.1"]
    assert list(differences(old, {"a": [{"b": 1.0}]})) == ["/c is gone"]


def test_an_entry_on_a_new_metric_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "energy", METRICS["cpu"])  # type: ignore[misc, arg-type, unused-ignore]
    old = [{"metric": "cpu", "percent": 1.0}]
    assert list(differences(old, [*old, {"metric": "energy", "percent": 2.0}])) == []
    assert list(differences(old, [*old, {"metric": "mean", "percent": 2.0}])) != []
