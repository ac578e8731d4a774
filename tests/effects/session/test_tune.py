"""A command on a tuned machine, which is a directory: values during it and after it, signals, exit codes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.session.tune import find_command, run_tuned
from harness.testbed.kernel import journal
from harness.testbed.kernel.actions import normalize
from harness.testbed.kernel.journal import Recovery
from harness.testbed.kernel.tuning import plan_tuning, restore_tuning, tuning_directory
from harness.testbed.machine.directories import STATE_VARIABLE
from harness.testbed.machine.procfs import Roots

GOVERNOR = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
POLL = "sys/module/haltpoll/parameters/guest_halt_poll_ns"
PAGES = "sys/kernel/mm/transparent_hugepage/enabled"
BEFORE = {GOVERNOR: "powersave", POLL: "0", PAGES: "always"}
TUNED = {GOVERNOR: "performance", POLL: "200000", PAGES: "madvise"}
MAIN = """
import sys
from pathlib import Path
from harness.console import raise_on_signals
from harness.testbed.kernel.actions import normalize
from harness.testbed.machine.procfs import Roots
from harness.session.tune import find_command, run_tuned
with raise_on_signals():
    code = run_tuned(find_command(sys.argv[2:]), print, Roots(Path(sys.argv[1])))
sys.exit(code)
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    for name, text in BEFORE.items():
        path = tmp_path / "machine" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"[{text}] madvise never" if name == PAGES else text)
    return tmp_path / "machine"


def now(machine: Path) -> dict[str, str]:
    return {name: normalize((machine / name).read_text(), "choice") for name in BEFORE}


def eventually(condition: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + 20
    while not condition() and time.monotonic() < until_s:
        time.sleep(0.02)
    return condition()


def started(machine: Path, *command: str) -> subprocess.Popen[str]:
    """In a session of its own, so that its signals are its alone."""
    words = [sys.executable, "-c", MAIN, str(machine), *command]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(words, env=environment, text=True, start_new_session=True, stdout=subprocess.DEVNULL)


def test_values_are_changed_for_the_command_and_the_exit_code_is_its_own(machine: Path, tmp_path: Path) -> None:
    said: list[str] = []
    script = f"cat {' '.join(str(machine / name) for name in BEFORE)} >{tmp_path}/seen; exit 7"
    assert run_tuned(find_command(["sh", "-c", script]), said.append, Roots(machine)) == 7
    assert (tmp_path / "seen").read_text() == "performance200000madvise"
    assert now(machine) == BEFORE
    assert "cpu.boost not changed: not available on this machine." in said
    assert len(said) == 2
    assert not (tuning_directory() / journal.JOURNAL_FILE).exists()


def test_latency_of_idle_states_is_held_open_while_the_command_runs(machine: Path) -> None:
    (machine / "dev").mkdir()
    (machine / "dev/cpu_dma_latency").write_bytes(b"")
    said: list[str] = []
    assert run_tuned(find_command(["true"]), said.append, Roots(machine)) == 0
    assert (machine / "dev/cpu_dma_latency").read_bytes() == bytes(4)
    assert not any("dma" in sentence for sentence in said)


def test_what_would_change_is_told_without_changing_it(machine: Path) -> None:
    tuning = plan_tuning(Roots(machine))
    assert tuning.changes() == [
        "cpu.governor from powersave to performance",
        "cpu.haltpoll_ns from 0 to 200000",
        "thp.enabled from always to madvise",
    ]
    assert now(machine) == BEFORE


def test_keeping_cpus_awake_changes_something_only_where_they_sleep_deeply(machine: Path) -> None:
    (machine / "dev").mkdir()
    (machine / "dev/cpu_dma_latency").write_bytes(b"")
    assert not any("dma" in change for change in plan_tuning(Roots(machine)).changes())
    state = machine / "sys/devices/system/cpu/cpu0/cpuidle/state1"
    state.mkdir(parents=True)
    (state / "name").write_text("C1")
    (state / "latency").write_text("2")
    assert not any("dma" in change for change in plan_tuning(Roots(machine)).changes())
    (state / "latency").write_text("133")
    assert "cpu.dma_latency_us from up to 133 to 0" in plan_tuning(Roots(machine)).changes()


def test_a_value_that_somebody_else_changed_is_left_alone_and_the_exit_code_stays(machine: Path) -> None:
    said: list[str] = []
    assert run_tuned(find_command(["sh", "-c", f"echo 5 >{machine / POLL}"]), said.append, Roots(machine)) == 0
    assert now(machine) == BEFORE | {POLL: "5"}
    assert "Another process has set" in said[-1]


def test_a_program_that_is_not_there_changes_nothing(machine: Path) -> None:
    with pytest.raises(MachineError, match="There is no program no-such-program"):
        find_command(["no-such-program"])
    assert now(machine) == BEFORE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_command_gets_the_signal_and_everything_is_put_back(
    machine: Path, tmp_path: Path, number: signal.Signals
) -> None:
    script = (
        f"import signal, time; signal.signal({int(number)}, lambda *_: exit(9)); open('{tmp_path}/up', 'w').close()"
    )
    with started(machine, sys.executable, "-c", f"{script}; time.sleep(60)") as tune:
        assert eventually((tmp_path / "up").exists)
        assert now(machine) == TUNED
        tune.send_signal(number)
        assert tune.wait(30) == 9
    assert now(machine) == BEFORE


def test_a_command_that_a_signal_ends_has_a_shells_exit_code(machine: Path) -> None:
    assert run_tuned(find_command(["sh", "-c", "kill -9 $$"]), lambda _: None, Roots(machine)) == 137
    assert now(machine) == BEFORE


def test_killed_the_next_start_puts_everything_back_and_not_before(machine: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with started(machine, "sh", "-c", f"echo >{tmp_path}/up; read line <{fifo}") as tune:
        assert eventually((tmp_path / "up").exists)
        assert restore_tuning(tuning_directory(), Roots(machine)) == Recovery()
        assert now(machine) == TUNED
        tune.kill()
        tune.wait(30)
    assert now(machine) == TUNED
    assert len(restore_tuning(tuning_directory(), Roots(machine)).restored) == len(BEFORE)
    assert now(machine) == BEFORE
    fifo.write_text("end\n")
