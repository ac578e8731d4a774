"""The clock of a command."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.session.time_budget import MAX_SLOWNESS, Clock, command_clock, current_slowness, process_age_s, slowness


def test_the_clock_of_a_command_counts_from_the_start_of_its_process() -> None:
    script = (
        "import time; time.sleep(0.3)\n"
        "from harness.session.time_budget import command_clock; print(command_clock().spent_s())"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(ended.stdout) >= 0.25
    assert command_clock().spent_s() >= 0


def test_where_the_kernel_does_not_tell_a_clock_counts_from_now(tmp_path: Path) -> None:
    assert process_age_s(tmp_path / "stat") == 0
    (tmp_path / "stat").write_text("12 (a) b) S 1 2\n")
    assert process_age_s(tmp_path / "stat") == 0


@pytest.mark.parametrize(("elapsed_s", "cpu_s", "expected"), [(2, 2, 1), (1, 2, 1), (6, 2, 3), (90, 2, 10), (1, 0, 1)])
def test_slowness_is_how_many_times_longer_than_its_cpu_time_a_computation_took(
    elapsed_s: float, cpu_s: float, expected: float
) -> None:
    assert slowness(elapsed_s, cpu_s) == expected


def test_a_clock_says_what_was_spent() -> None:
    assert Clock(5.0, lambda: 12.5).spent_s() == 7.5


def test_the_slowness_of_this_machine_is_that_of_a_computation_and_not_of_what_was_waited_for() -> None:
    time.sleep(1)  # as a command does whose programs come from a cold disk
    assert 1 <= current_slowness() <= MAX_SLOWNESS
