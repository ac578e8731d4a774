"""Programs that answer questions: what they print is read for so long, and so much."""

import sys
import time

import pytest

from harness.testbed.processes.output import TooMuchOutputError, read_output

PLENTY_S = 10.0  # for a machine that is busy


def program(text: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", text]


def test_both_outputs_and_the_exit_code_are_read() -> None:
    printed = read_output(program("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), PLENTY_S)
    assert (printed.code, printed.out, printed.err) == (3, "out\n", "err\n")


@pytest.mark.parametrize(
    "text", ["import time; time.sleep(60)", "import os, time; os.close(1); os.close(2); time.sleep(60)"]
)
def test_a_program_that_does_not_end_is_ended(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        read_output(program(text), 0.5)
    assert time.monotonic() - began < PLENTY_S


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_program_that_prints_without_an_end_is_ended(stream: str) -> None:
    began = time.monotonic()
    with pytest.raises(TooMuchOutputError):
        read_output(program(f"import sys\nwhile True: sys.{stream}.write(1000 * 'x')"), 60)
    assert time.monotonic() - began < PLENTY_S


def test_a_process_that_is_left_behind_with_the_output_is_not_waited_for() -> None:
    left = (
        "import subprocess, sys; print('out'); subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    began = time.monotonic()
    assert read_output(program(left), 60).out == "out\n"
    assert time.monotonic() - began < PLENTY_S
