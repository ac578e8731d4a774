"""A factorial experiment with an outside tool and our client: everything that only the whole table says is there."""

from pathlib import Path

from harness.model import Summary
from tests.support.command import barehop, fixed

TOOLS = """
name = "tools"
[arm]
tool_requests = 100
[factors]
tool = ["client", "ab"]
placement = ["shared", "same-cpu"]
transport = ["tcp", "uds-tmpfs"]
[design]
against = { transport = "tcp" }
"""


def test_a_factorial_experiment_says_what_depends_on_what(tmp_path: Path) -> None:
    (tmp_path / "tools.toml").write_text(TOOLS, encoding="utf-8")

    ended = barehop(tmp_path, "run", "tools.toml", *fixed(2, 2, burst=50, control=True), "--out", "out", "--details")

    assert ended.code in (0, 1), ended.err
    summary = Summary.model_validate_json((tmp_path / "out/summary.json").read_bytes())
    seen = {(one.factor, one.at, *one.where.values()) for one in summary.interactions if one.metric == "latency"}
    assert seen == {
        ("placement", "same-cpu", "client"), ("placement", "same-cpu", "ab"),
        ("tool", "ab", "shared"), ("tool", "ab", "same-cpu"),
    }  # fmt: skip
    assert len([one for one in summary.levels if one.metric == "latency"]) == 8
    assert {(one.tool, one.reference) for one in summary.tool_signs} == {("ab", "client")}
    assert {one.percentile for one in summary.tails} == {90.0}
    for heading in (
        "Do the load tools agree?",
        "Does the effect of transport depend on placement?",
    ):
        assert heading in ended.out
        assert heading in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "changes both at once" in ended.out
