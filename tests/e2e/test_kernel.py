"""Kernel studies through the command: nothing of the host changes but what is allowed, and that comes back."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.model import Summary
from tests.support.command import Started, barehop, eventually, first_record, fixed, sets, started
from tests.support.host_state import host

AUTOGROUP = Path("/proc/sys/kernel/sched_autogroup_enabled")
LONG = fixed(3, 600)  # in the middle of whose first session the end comes
OTHER = {"0": "1", "1": "0"}
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
# What changes by itself, or by what any process does.


def changed(before: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    now = host()
    return {name: (before.get(name), now.get(name)) for name in before | now if before.get(name) != now.get(name)}


@pytest.fixture
def autogroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The value that it has, and has again whatever a test does."""
    before = AUTOGROUP.read_text().strip()
    monkeypatch.setenv("BAREHOP_STATE", str(tmp_path / "state"))
    try:
        yield before
    finally:
        AUTOGROUP.write_text(before)


def study(directory: Path, knobs: str) -> Path:
    path = directory / "study.toml"
    path.write_text(f'[arms.plain]\n[arms.tuned]\nknobs = {{ {knobs} }}\n[arms.uds]\ntransport = "uds-tmpfs"\n')
    return path


TRACKING = """
[factors]
"knobs.conntrack" = ["off", "on"]
transport = ["tcp", "uds-tmpfs"]
[design]
against = { "knobs.conntrack" = "off" }
"""


def tracking(directory: Path) -> Path:
    path = directory / "tracking.toml"
    path.write_text(TRACKING)
    return path


@AS_ROOT
@pytest.mark.needs_root
def test_a_study_in_networks_of_its_own_leaves_the_host_alone(tmp_path: Path) -> None:
    """Of filters, sysctls, routes and lo at once."""
    before = host()
    knobs = ("--set", 'arm.knobs={"net.ipv4.tcp_sack" = 0, "route.quickack" = 1, "lo.mtu" = 9000}')
    ended = barehop(tmp_path, "run", tracking(tmp_path), *fixed(2, 2), *knobs, "--quiet", "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    assert eventually(lambda: host() == before, within_s=20), changed(before)
    proofs = first_record(tmp_path).proofs
    assert all(proof["not_copied"] == {} for proof in proofs.values())
    assert all(proof["network"].startswith("net:[") for proof in proofs.values())
    common = {"net.ipv4.tcp_sack": "0", "route.quickack": "1", "lo.mtu": "9000"}
    assert {arm: proof["knobs"] for arm, proof in proofs.items()} == {
        f"{tracked}/{transport}": {**common, "conntrack": tracked}
        for tracked in ("off", "on")
        for transport in ("tcp", "uds-tmpfs")
    }
    summary = Summary.model_validate_json((tmp_path / "out/summary.json").read_bytes())
    assert all(arm.requests > 0 and arm.failed == 0 for arm in summary.arms.values())


@AS_ROOT
@pytest.mark.needs_root
@pytest.mark.needs_ab
def test_an_outside_tool_asks_from_inside(tmp_path: Path) -> None:
    path = study(tmp_path, "conntrack = 'on'")
    tool = sets(tool="ab", tool_requests=20)
    ended = barehop(tmp_path, "run", path, *fixed(2, 1), *tool, "--quiet", "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    assert {visit.requests for visit in first_record(tmp_path).visits} == {20}


@AS_ROOT
@pytest.mark.needs_root
def test_a_value_of_the_machine_is_changed_where_that_is_allowed_and_put_back(tmp_path: Path, autogroup: str) -> None:
    path, value = study(tmp_path, f"'sched.autogroup' = {OTHER[autogroup]}"), OTHER[autogroup]
    refused = barehop(tmp_path, "run", path, *fixed(2, 3), "--out", "out")
    assert refused.code == 3
    assert "--allow-global" in refused.err
    ended = barehop(tmp_path, "run", path, *fixed(2, 3), "--quiet", "--out", "out", "--allow-global")
    assert (ended.code, ended.err) == (0, "")
    assert AUTOGROUP.read_text().strip() == autogroup
    found = first_record(tmp_path)
    assert found.proofs["tuned"]["knobs"] == {"sched.autogroup": value}
    assert [doubt for doubt in found.doubts if doubt.kind == "settings"] == []
    orders = [[visit.arm for visit in found.visits if visit.round == number] for number in range(3)]
    assert all(order.index("tuned") in (0, 2) for order in orders)


def killed(command: Started, value: str, number: signal.Signals) -> None:
    """Once the value is set; the first session goes on for long."""
    assert eventually(lambda: AUTOGROUP.read_text().strip() == value)
    command.process.send_signal(number)
    command.process.wait(60)


@AS_ROOT
@pytest.mark.needs_root
def test_a_signal_puts_the_value_back(tmp_path: Path, autogroup: str) -> None:
    path = study(tmp_path, f"'sched.autogroup' = {OTHER[autogroup]}")
    with started(tmp_path, "run", path, *LONG, "--out", "out", "--allow-global") as command:
        killed(command, OTHER[autogroup], signal.SIGTERM)
    assert AUTOGROUP.read_text().strip() == autogroup
    assert not (tmp_path / "state/journal.json").exists()


@AS_ROOT
@pytest.mark.needs_root
def test_after_sigkill_restore_or_the_next_start_puts_the_value_back(tmp_path: Path, autogroup: str) -> None:
    path = study(tmp_path, f"'sched.autogroup' = {OTHER[autogroup]}")
    options = [*LONG, "--allow-global"]
    next_start = ("run", "quick", *sets(nginx="no-such-nginx"))
    for number, (after, code) in enumerate(((("restore",), 0), (next_start, 3))):
        with started(tmp_path, "run", path, *options, "--out", f"out{number}") as command:
            killed(command, OTHER[autogroup], signal.SIGKILL)
        assert (tmp_path / "state/journal.json").exists()
        AUTOGROUP.write_text(OTHER[autogroup])  # as it is where the kill came in such an arm's visit
        ended = barehop(tmp_path, *after)
        assert ended.code == code
        assert f"{AUTOGROUP} is {autogroup} again" in ended.err
        assert AUTOGROUP.read_text().strip() == autogroup
        assert not (tmp_path / "state/journal.json").exists()
    assert "Nothing to restore" in barehop(tmp_path, "restore").err


def test_every_problem_of_knobs_is_told_at_once_and_nothing_is_started(tmp_path: Path) -> None:
    path = study(tmp_path, "'lo.mtu' = 1, contrack = 'on', 'route.quickack' = 2")
    ended = barehop(tmp_path, "run", path)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 3
    assert "Did you mean 'conntrack'?" in ended.err
    path = study(tmp_path, "'net.ipv4.tcp_sakc' = 1, 'boot.isolcpus' = '6-7'")
    ended = barehop(tmp_path, "run", path)
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 2
    assert not (tmp_path / "results").exists()


@AS_ROOT
@pytest.mark.needs_root
def test_show_gives_the_knobs_and_the_commands_that_turn_them(tmp_path: Path) -> None:
    text = barehop(tmp_path, "show", tracking(tmp_path), "on/tcp").out
    assert "conntrack = on (network)" in text
    assert "ct state established accept" in text
    assert "a network namespace of its own" in text


@AS_ROOT
@pytest.mark.needs_root
def test_restore_that_cannot_finish_ends_with_3_and_blocks_no_ordinary_run(tmp_path: Path) -> None:
    """And says how to end it: by hand, or by giving the old value up."""
    state, env = tmp_path / "state", {"BAREHOP_STATE": str(tmp_path / "state")}
    state.mkdir(mode=0o700)
    journal, boot = state / "journal.json", Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    entry = {"path": "/proc/sys/kernel/no_such_value", "form": "words", "before": "5", "ours": ["6"]}
    journal.write_text(json.dumps({"boot": boot, "entries": [entry]}))
    journal.chmod(0o600)
    for _ in range(2):
        ended = barehop(tmp_path, "restore", env=env)
        assert ended.code == 3
        assert "echo '5' > /proc/sys/kernel/no_such_value; then run barehop restore" in ended.err
        assert f"rm {journal}" in ended.err
    run = barehop(tmp_path, "run", "quick", *sets(nginx="no-such-nginx"), env=env)
    assert run.code == 3
    assert "no-such-nginx" in run.err
    journal.unlink()
    assert "Nothing to restore" in barehop(tmp_path, "restore", env=env).err
