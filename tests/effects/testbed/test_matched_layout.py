"""With a matched layout two servers of a session are laid out alike, and the next session has other addresses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.load.probe import probe_target
from harness.model import Design, Experiment
from harness.observe.proof import prove
from harness.testbed.blueprint import blueprints_of
from harness.testbed.processes.layout import layout_of
from harness.testbed.stack.stack import Stack
from harness.testbed.stack.start import start_stacks
from harness.testbed.standalone import enter
from tests.support.stacks import arm, machine_of

ASK = (
    "import sys; sys.path.insert(0, sys.argv[1]); import enter; enter.take_steps(['fix-addresses', '8388608']); "
    "print(open('/proc/self/personality').read())"
)
STACK_POINTER = 28  # in /proc/PID/stat, counting from 1: startstack, the bottom of the stack


def can_fix_addresses() -> bool:
    directory = str(Path(enter.__file__).parent)
    text = subprocess.run([sys.executable, "-c", ASK, directory], capture_output=True, text=True, check=True).stdout
    return bool(int(text, 16) & enter.ADDR_NO_RANDOMIZE)


def libc_start(pid: int) -> str:
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return next(line.split("-")[0] for line in lines if "/libc.so" in line or "/libc-" in line)


def stack_start(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[STACK_POINTER - 3])


def hash_seed(pid: int) -> str:
    pairs = dict(pair.partition("=")[::2] for pair in Path(f"/proc/{pid}/environ").read_text().split("\0"))
    return pairs["PYTHONHASHSEED"]


def places(stack: Stack, role: str) -> tuple[str, int]:
    (pid,) = stack.pids[role]
    return libc_start(pid), stack_start(pid)


def session(number: int, directory: Path) -> tuple[set[tuple[str, int]], set[tuple[str, int]], set[str], set[str]]:
    """Return the places of the applications, those of nginx, the hash seeds and the kinds of addresses proved."""
    arms = (arm("tcp"), arm("a longer name", transport="uds-tmpfs"))
    design = Design(processes="separate", layout="matched")
    experiment = Experiment(name="x", question="?", arms=arms, pairs=((arms[1].name, "tcp"),), design=design)
    blueprints = blueprints_of(experiment, directory / f"stack{number}", machine_of(directory), number)
    with start_stacks(blueprints, probe_target) as stacks:
        kinds = {kind for proof in prove(stacks).values() for kind in proof["layout"]["addresses"].values()}
        seeds = {hash_seed(stack.pids["app"][0]) for stack in stacks}
        return {places(stack, "app") for stack in stacks}, {places(stack, "nginx") for stack in stacks}, seeds, kinds


def test_servers_of_a_session_are_laid_out_alike_and_those_of_the_next_otherwise(tmp_path: Path) -> None:
    if os.geteuid() or not can_fix_addresses():
        pytest.skip("needs root and personality(ADDR_NO_RANDOMIZE)")
    first, second = session(1, tmp_path), session(2, tmp_path)
    for apps, nginxes, seeds, kinds in (first, second):
        assert (len(apps), len(nginxes), len(seeds), kinds) == (1, 1, 1, {"fixed"})
    assert first[2] != second[2]
    for earlier, later in ((first[0], second[0]), (first[1], second[1])):
        ((libc, stack),) = earlier
        ((later_libc, later_stack),) = later
        assert libc != later_libc
        assert stack != later_stack


def test_a_shell_gives_the_same_variables() -> None:
    layout = layout_of(Design(layout="matched"), 1)
    prefix, _, _ = layout.command_prefix(["nginx", "-e"], {}).partition(" prlimit ")
    output = subprocess.run(["sh", "-c", f"{prefix} env"], capture_output=True, text=True, check=True).stdout
    assert {f"{name}={value}" for name, value in layout.variables(["nginx", "-e"], {}).items()} <= {
        *output.splitlines()
    }
