"""`git bisect run` with the script of GUIDE finds the commit that made an application slower."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.start import module_command
from tests.support.command import CHECKOUT, LOCK, barehop, fixed

COMMITS, FIRST_SLOW = 5, 3
SLOW_S = 0.01  # of CPU time, many times that of a request, so that other processes of the machine do not matter
GUIDE_GATE, WIDE_GATE = "--gate 1.5 ", "--gate 200 --metric cpu "
APP = """import time

SPEND_S = {spend_s}


def app(environ, start_response):
    end_s = time.process_time() + SPEND_S
    while time.process_time() < end_s:
        pass
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
BAREHOP = f"""#!/bin/sh
command=$1
shift
[ "$command" != run ] || set -- "$@" {shlex.join(fixed(3, 4))}
exec {shlex.join([sys.executable, *module_command("harness")])} "$command" "$@"
"""


def guide_block(language: str) -> str:
    """The block of that language in the chapter on bisection."""
    chapter = (CHECKOUT / "GUIDE.md").read_text(encoding="utf-8").split("## In CI, and with git bisect")[1]
    block = re.search(rf"```{language}\n(.*?)```", chapter, re.DOTALL)
    assert block
    return block[1]


def guide_script() -> str:
    """The script of the chapter, with a gate that few requests and a busy machine can hold."""
    script = guide_block("sh")
    assert GUIDE_GATE in script
    return script.replace(GUIDE_GATE, WIDE_GATE)


def guide_experiment(good: Path, repository: Path) -> str:
    """The experiment of the chapter, for an application in WSGI that is somewhere else."""
    text, python = guide_block("toml"), 'python = "/srv/shop/.venv/bin/python"'
    assert python in text
    text = text.replace(python, f'python = "{sys.executable}"')
    text = text.replace("/srv/good", str(good)).replace("/srv/shop", str(repository))
    assert str(good) in text
    assert str(repository) in text
    return text.replace("[arm]\n", '[arm]\nworker_class = "sync"\n')


def git(repository: Path, *words: str) -> str:
    names = {
        f"GIT_{role}_{what}": "nobody@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {"BAREHOP_LOCK": str(repository.parent / LOCK), "TMPDIR": str(repository.parent)}
    environment["PATH"] = f"{repository.parent}:{environment['PATH']}"
    argv = ["git", *words]
    done = subprocess.run(argv, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def commit_versions(repository: Path) -> list[str]:
    """Commit the versions of an application in turn; return their ids."""
    repository.mkdir()
    git(repository, "init", "--quiet")
    commits = []
    for number in range(COMMITS):
        spend_s = SLOW_S if number >= FIRST_SLOW else 0.0
        (repository / "main.py").write_text(APP.format(spend_s=spend_s) + "# another line\n" * number)
        git(repository, "add", "main.py")
        git(repository, "commit", "--quiet", "--message", f"Version {number}")
        commits.append(git(repository, "rev-parse", "HEAD"))
    return commits


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_a_bisection_ends_at_the_commit_that_made_the_application_slower(tmp_path: Path) -> None:
    repository = tmp_path / "shop"
    commits = commit_versions(repository)
    write_program(tmp_path / "barehop", BAREHOP)
    write_program(tmp_path / "bisect.sh", guide_script())
    (tmp_path / "regression.toml").write_text(guide_experiment(tmp_path / "good-version", repository))
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "good-version"), commits[0])
    git(repository, "checkout", "--quiet", "--detach", commits[0])
    base = barehop(tmp_path, "run", "regression.toml", *fixed(3, 4), "--out", "good")
    assert base.code == 0, base.err

    git(repository, "bisect", "start", commits[-1], commits[0])
    output = git(repository, "bisect", "run", str(tmp_path / "bisect.sh"))

    assert git(repository, "rev-parse", "refs/bisect/bad") == commits[FIRST_SLOW], output
    assert "first bad commit" in output


def test_one_run_of_two_versions_says_which_is_slower(tmp_path: Path) -> None:
    good, slow = tmp_path / "good-version", tmp_path / "shop"
    for version, spend_s in ((good, 0.0), (slow, SLOW_S)):
        version.mkdir()
        (version / "main.py").write_text(APP.format(spend_s=spend_s))
    (tmp_path / "regression.toml").write_text(guide_experiment(good, slow))
    ended = barehop(tmp_path, "run", "regression.toml", *fixed(3, 4))
    assert ended.code == 0, ended.err
    assert " ".join(ended.out.split()).startswith("mine is slower than good by ")
