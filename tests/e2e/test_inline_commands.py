"""Every command in text and tables of README, GUIDE and LADDER is run, and its output has the expected parts."""

import functools
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import pytest
from _pytest.mark import ParameterSet

from tests.e2e.test_documents import DATA, FLOOR, structure
from tests.e2e.test_documents import RUN as IN_BLOCKS
from tests.support.command import CHECKOUT, Ended, barehop, fixed
from tests.support.documents import inline_commands
from tests.support.fleets import write_fleet

BOOTS = """
[factors]
"knobs.boot.mitigations" = ["auto", "off"]
transport = ["tcp", "uds-tmpfs"]
[design]
against = { transport = "tcp" }
"""
Value = TypeVar("Value")
# Commands by how they begin, and where another test runs them.
ELSEWHERE = {
    "scripts/bench": "tests/effects/scripts/test_scripts.py",
    "scripts/setup tools": "tests/effects/scripts/test_scripts.py",
    "barehop run quick --set arm.app_dir=.": "tests/e2e/test_frameworks.py",
    "barehop run regression.toml": "tests/e2e/test_bisect.py",
    "barehop run containers": "tests/e2e/test_services.py",
    "barehop run h2c": "tests/e2e/test_hops.py",
    "barehop run profile": "tests/e2e/test_profile.py",
    "barehop run CONFIG --profile": "tests/e2e/test_profile.py",
    "barehop run --from HOST:PORT": "tests/e2e/test_serve.py",
    "barehop run sockmap": "tests/e2e/test_hops.py",
    "barehop run mptcp": "tests/e2e/test_hops.py",
    "barehop serve": "tests/e2e/test_serve.py",
    "barehop fleet": "tests/e2e/test_fleet.py",
}
# Commands by how they begin, and why no test runs them.
NOT_RUN = {
    "barehop calibrate": "no budget makes it shorter than 40 s",
    "barehop floor [CONFIG] --rigorous": "pyperf then takes minutes, whatever the other options",
    "barehop tune": "it would change the machine beside other tests",
    "scripts/profile_timing.py": "takes hours",
    "scripts/gate_false_alarms": "takes 40 minutes",
    "scripts/fleet-playbook.yml": "needs Ansible and other hosts",
}
# Scripts that take minutes to hours are only asked for their help.
LONG = ("scripts/seed", "scripts/precision", "scripts/by-hand", "scripts/fleet-study")
# What the reader puts in, and what the tests put in. A command may need more than the text says.
WORDS = {
    "CONFIG": "quick",
    "[CONFIG]": "quick",
    "ARM": "uds-tmpfs",
    "DIR": "one",
    "[DIR]": "results",
    "BASE": "fleet/web1/run",
    "NEW": "fleet/web2/run",
    "FILE": "tcp.txt",
    "NAME": "yours",
    "SUBJECT": "summary",
}
BASE_AND_NEW = "fleet/web1/run fleet/web2/run"
TYPED = {
    "barehop run": "barehop run quick",
    "barehop run CONFIG --resume DIR": "barehop run --resume one",
    "barehop show": "barehop show quick tcp",
    "barehop compare": f"barehop compare {BASE_AND_NEW}",
    "barehop compare DIR DIR...": f"barehop compare {BASE_AND_NEW}",
    "barehop compare DIR DIR... --gate 2": f"barehop compare {BASE_AND_NEW} --gate 2",
    "barehop pool DIR...": "barehop pool fleet",
    "barehop pool DIR... --by kernel.release": "barehop pool fleet --by kernel.release",
    "barehop pool web1=results/a web2=results/b": "barehop pool web1=fleet/web1/run web2=fleet/web2/run",
    "barehop plan CONFIG --boots": "barehop plan boots.toml --boots",
    "barehop init NAME --from ladder": "barehop init steps --from ladder",
    "barehop advise DIR": "barehop advise study",
    "barehop advise DIR --sysctl FILE": "barehop advise study --sysctl advice.conf",
    "barehop report --html": "barehop report one --html",
    "barehop validate DIR --against FILE...": "barehop validate one --against tcp=tcp.txt --against uds=uds.txt",
    "barehop floor [CONFIG]": "barehop floor quick --affinity 0 -o floor.json",
    "barehop floor [CONFIG] --affinity": "barehop floor quick --affinity 0 -o floor.json",
    "barehop floor [CONFIG] -o": "barehop floor quick --affinity 0 -o floor.json",
}
FIRST, STUDY = "barehop run quick", "barehop run kernel-tcp"  # other commands read what they leave
# Options that make a command short, by how it begins; the longest beginning counts.
SHORT = {
    "barehop run": (*fixed(2, 2, burst=4, settle=1), "--quiet"),
    "barehop run load": (*fixed(2, 2, burst=4, settle=1), "--quiet", "--set", "factors.rate=[500]"),
    "barehop run tools": (*fixed(2, 1), "--quiet", "--set", 'factors.tool=["ab"]', "--set", "arm.tool_requests=20"),
    "barehop run --resume": (),
    FIRST: (*fixed(2, 2, burst=4, settle=1), "--out", "one"),
    "barehop run quick --": fixed(2, 2, burst=4, settle=1),
    STUDY: (*fixed(2, 2, burst=4, settle=1), "--quiet", "--out", "study"),
    "barehop floor": FLOOR,
    "barehop doctor": ("--seconds", "0"),
}
RUN_TABLE = ("arm pN ms", "N % interval verdict", "N sessions, N", "Report (HTML)", "All numbers")
# What the output has, in this order, with N for each number; the longest beginning counts.
PARTS: dict[str, tuple[str, ...]] = {
    "barehop run": RUN_TABLE,
    "barehop report": RUN_TABLE,
    "barehop report one --html": ("one/report.html",),
    "barehop report one --beside": (*RUN_TABLE[:3], "Results"),
    "barehop plan": ("Expected duration", "Arms arm what differs compared with", "Schedule", "The first rounds"),
    "barehop plan boots": ("N boots in this order", "Boot N", "mitigations=", "barehop run", "barehop compare"),
    "barehop show": ("request path", "CPUs client: N nginx: N app: N", "nginx.conf", "upstream", "gunicorn"),
    "barehop doctor": ("What can be concluded here", "Checks subject state observed", "kernel", "nginx", "gunicorn"),
    "barehop compare": ("Runs", "The typical request", "run N run N change arm", "Differences between the hosts"),
    "barehop pool": ("Over hosts", "over hosts new host tau contrast", "hosts", "Host by host", "Runs webN"),
    "barehop pool web1=": ("Over hosts", "N % interval", "hosts", "Host by host", "Runs webN"),
    "barehop advise": ("The typical request", "setting over N % interval", "CPU time per request", "verdict"),
    "barehop history": ("experiment host runs not valid not reliable changes",
        "Runs when (UTC) experiment headline reliable id"),
    "barehop history results --html": ("results/history.html",),
    "barehop floor": ("tcp", "uds-tmpfs", "us"),
    "barehop validate": ("architecture request N % interval", "verdict"),
    "barehop verify": ("one is what its id", "says: N sessions of quick"),
    "barehop restore": ("Nothing to restore",),
    "barehop list": ("kind number what it is command that lists them", "settings N", "transports N", "rungs N",
        "tools N", "knobs N", "counters any", "formats N", "configs N experiments that barehop brings"),
    "barehop list transports": ("Transports name what it is", "tcp", "uds-tmpfs"),
    "barehop list settings": ("Settings of an arm setting default what it is", "transport", "upstream_keepalive"),
    "barehop list knobs": ("Knobs name what it is", "conntrack", "lo.mtu"),
    "barehop init": (".toml is written. Edit it",),
    "barehop schema summary": ('"$schema":', '"properties": {', '"arms": {', '"comparisons": {'),
    "barehop schema experiment": ('"$schema":', '"properties": {', '"arms": {', '"design": {'),
}  # fmt: skip
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs network namespaces")
NEEDS = {STUDY: needs_root, "barehop advise": needs_root}

INLINE = inline_commands()


def of_longest(table: Mapping[str, Value], typed: str) -> Value | None:
    """Return what a table has for the longest beginning of a command that it has."""
    beginnings = [beginning for beginning in table if typed.startswith(beginning)]
    return table[max(beginnings, key=len)] if beginnings else None


def typed_command(text: str) -> str:
    """Return a command of the documents as a reader would type it."""
    return TYPED.get(text) or " ".join(WORDS.get(word.removesuffix("..."), word) for word in text.split(" "))


def commands_to_run() -> dict[str, str]:
    """Return the commands that are run here, as typed, with one of the texts that mean it."""
    others = (*ELSEWHERE, *NOT_RUN, *LONG)
    in_blocks = {text.partition("#")[0].strip() for text in IN_BLOCKS}
    texts = [text for text in INLINE if not text.startswith(others) and text not in in_blocks]
    return {typed_command(text): text for text in texts}


RUN = commands_to_run()
Runner = Callable[[str], Ended]


def test_of_every_command_in_the_text_it_is_known_where_it_is_run_or_why_not() -> None:
    assert [typed for typed in RUN if not of_longest(PARTS, typed)] == []
    decisions = (*ELSEWHERE, *NOT_RUN, *LONG)
    assert [prefix for prefix in decisions if not any(text.startswith(prefix) for text in INLINE)] == []
    assert [text for text in TYPED if text not in INLINE] == []
    tables = (*PARTS, *SHORT, *NEEDS)
    assert [prefix for prefix in tables if not any(typed.startswith(prefix) for typed in RUN)] == []
    assert all((CHECKOUT / path).is_file() for path in ELSEWHERE.values())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Runs a command once, among the files that commands name, after the run whose results it reads."""
    here = tmp_path_factory.mktemp("inline")
    write_fleet(here / "fleet")
    shutil.copytree(here / "fleet/web1/run", here / "bare")
    shutil.copy(DATA / "ab/good/stdout.txt", here / "tcp.txt")
    shutil.copy(DATA / "ab/seconds/stdout.txt", here / "uds.txt")
    (here / "boots.toml").write_text(BOOTS, encoding="utf-8")
    assert barehop(here, "init", "mine").code == 0
    (here / "new").mkdir()

    @functools.cache
    def run_once(typed: str) -> Ended:
        words = shlex.split(typed)[1:]
        if typed not in (FIRST, STUDY):
            run_once(STUDY if words[0] == "advise" else FIRST)
        where = here / "new" if words[0] == "init" else here
        return barehop(where, *words, *of_longest(SHORT, typed) or (), env={"BAREHOP_STATE": str(here / "state")})

    return run_once


def parts_in_order(output: str, parts: Sequence[str]) -> list[str]:
    """Return the parts that an output does not have after the parts before them."""
    text, missing = structure(output), list[str]()
    for part in parts:
        _, found, rest = text.partition(part)
        text, missing = (rest, missing) if found else (text, [*missing, part])
    return missing


def test_a_part_that_is_missing_or_in_another_order_is_found() -> None:
    output = "Arms\narm   p50 ms\n────\ntcp  0.3\n\nSchedule\n"
    assert parts_in_order(output, ["Arms arm pN ms", "Schedule"]) == []
    assert parts_in_order(output, ["Arms arm p99", "Schedule"]) == ["Arms arm p99"]
    assert parts_in_order(output, ["Schedule", "Arms arm pN ms"]) == ["Arms arm pN ms"]


def case(typed: str) -> ParameterSet:
    return pytest.param(typed, marks=of_longest(NEEDS, typed) or (), id=RUN[typed])


@pytest.mark.parametrize("typed", [case(typed) for typed in RUN])
def test_a_command_in_the_text_runs_and_its_output_has_the_parts(run: Runner, typed: str) -> None:
    ended = run(typed)
    measures = typed.startswith("barehop run ")  # so short that the result may be invalid
    assert ended.code == 0 or (measures and ended.code == 1), ended.err
    assert parts_in_order(ended.out + ended.err, of_longest(PARTS, typed) or ()) == []


@pytest.mark.parametrize("script", LONG)
def test_a_long_script_says_what_it_does(script: str) -> None:
    ended = subprocess.run([CHECKOUT / script, "--help"], cwd="/", capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert parts_in_order(ended.stdout, (script, "Usage:", "Options:", "--help")) == []
