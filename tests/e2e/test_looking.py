"""What only looks starts nothing and makes nothing: plan, show, list, doctor, report."""

from pathlib import Path

from tests.support.command import CHECKOUT, Ended, barehop, sets

CONFIGURATIONS = sorted(path.stem for path in (CHECKOUT / "configs").glob("*.toml"))


def looked(cwd: Path, *arguments: str) -> Ended:
    """A command that works, says nothing on standard error and makes no file."""
    before = set(cwd.iterdir())
    ended = barehop(cwd, *arguments)
    assert (ended.code, ended.err) == (0, "")
    assert {path.name for path in set(cwd.iterdir()) - before} == {"0.stdout", "0.stderr"}
    assert "\x1b" not in ended.out
    return ended


def test_plan_is_the_same_each_time_and_another_seed_gives_another_order(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "other").mkdir()
    first = looked(tmp_path, "plan", "baseline").out
    assert "The first rounds of session 1" in first
    assert looked(tmp_path / "again", "plan", "baseline").out == first
    assert looked(tmp_path / "other", "plan", "baseline", "--set", "design.seed=2").out != first


def test_plan_needs_no_server_at_all(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "plan", "seed", *sets(nginx="no-such-nginx"), env={"PATH": "/nowhere"})
    assert ended.code == 0


def test_show_gives_the_exact_configuration_and_command_lines(tmp_path: Path) -> None:
    text = looked(tmp_path, "show", "keepalive", "16/uds-tmpfs").out
    assert "keepalive 16;" in text
    assert "hop.sock" in text
    assert "harness/start.py gunicorn --bind" in text
    assert "uvicorn_worker.UvicornWorker" in text
    assert str(tmp_path / "results/keepalive") in text


def test_show_says_what_the_machine_lacks(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "show", "quick", "tcp", *sets(nginx="no-such-nginx"))
    assert (ended.code, ended.out) == (3, "")
    assert "There is no program 'no-such-nginx'" in ended.err


KINDS = ("settings", "transports", "rungs", "tools", "knobs", "counters", "formats", "configs")


def listed(directory: Path, *kind: str) -> str:
    """The output of `list`, in a directory of its own."""
    own = directory / "-".join(("list", *kind))
    own.mkdir()
    return looked(own, "list", *kind).out


def test_list_has_a_line_for_each_kind_with_its_number_and_the_command_that_lists_it(tmp_path: Path) -> None:
    lines = [line.split() for line in listed(tmp_path).splitlines()]
    by_kind = {words[0]: words for words in lines if words and words[0] in KINDS}
    assert tuple(by_kind) == KINDS
    assert len(lines) <= 2 + len(KINDS)
    for kind, words in by_kind.items():
        assert words[-3:] == ["barehop", "list", kind]
        rows = [line for line in listed(tmp_path, kind).splitlines() if line[:1].isalnum()]
        assert words[1] == "any" or 0 < int(words[1]) <= len(rows)
    assert int(by_kind["configs"][1]) == len(CONFIGURATIONS)


def test_the_lists_name_every_setting_transport_tool_and_configuration(tmp_path: Path) -> None:
    text = "".join(listed(tmp_path, kind) for kind in KINDS)
    names = ("upstream_keepalive", "tcp", "uds-tmpfs", "uds-dir", "client", "ab", *CONFIGURATIONS)
    assert [name for name in names if f"\n{name} " not in text] == []
    words = " ".join(text.split())
    assert "conntrack network, TCP only:" in words
    assert "lo.mtu device, TCP only:" in words
    assert "sched.policy process, any transport:" in words
    assert "boot.mitigations boot, any transport:" in words


def test_doctor_looks_at_the_machine_and_at_an_experiment(tmp_path: Path) -> None:
    text = looked(tmp_path, "doctor", "quick", "--seconds", "0.1").out
    assert "this machine has everything that the experiment needs" in text
    assert "What can be concluded here" in text
    words = " ".join(text.split())
    assert "s other processes used" in words
    assert "a 0.1 s busy loop" in words
    assert "barehop tune would" in words
    assert "rights ok runs as" in words


def test_plan_says_what_to_boot(tmp_path: Path) -> None:
    factor = ("--set", 'factors={"knobs.boot.mitigations" = ["auto", "off"], transport = ["tcp", "uds-tmpfs"]}')
    text = looked(tmp_path, "plan", "kernel-cpu", "--boots", *factor).out
    assert text.count("barehop run kernel-cpu") == 2
    assert "mitigations=off" in text
    assert barehop(tmp_path, "plan", "kernel-cpu", "--boots").code == 2


def test_tune_changes_nothing_for_a_program_that_is_not_there(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "tune", "--", "no-such-program", "--help")
    assert ended.code == 3
    assert "There is no program no-such-program. Nothing was changed" in ended.err


def test_doctor_ends_with_3_when_the_experiment_cannot_run_here(tmp_path: Path) -> None:
    """And watches nothing when told not to."""
    ended = barehop(tmp_path, "doctor", "quick", "--seconds", "0", *sets(nginx="no-such-nginx"))
    assert ended.code == 3
    assert "busy loop" not in ended.out
    assert "missing" in ended.out
    assert "no-such-nginx" in ended.out
    assert "Install the missing items" in ended.out


def test_help_and_version_are_there(tmp_path: Path) -> None:
    assert "--resume" in barehop(tmp_path, "run", "-h").out
    assert barehop(tmp_path, "--version").out.startswith("barehop, version ")
