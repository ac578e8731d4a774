"""Changes of the kernel as shell text: a value is one word, whatever is in it."""

import shlex

import pytest

from harness.model.knobs import FileText, LoRoute
from harness.testbed.kernel.apply import shell_command

VALUES = ["0;touch x", "a'b", "$(id)", "a b", "`id`", '"', "\\"]


@pytest.mark.parametrize("value", VALUES)
def test_a_sysctl_has_its_value_as_one_word(value: str) -> None:
    assert shlex.split(shell_command(FileText("/proc/sys/net/ipv4/x", value))) == [
        "sysctl",
        "-w",
        f"net.ipv4.x={value}",
    ]


@pytest.mark.parametrize("value", VALUES)
def test_what_is_written_to_a_file_is_one_word(value: str) -> None:
    assert shlex.split(shell_command(FileText("/sys/x", value))) == ["echo", value, ">/sys/x"]


@pytest.mark.parametrize("value", VALUES)
def test_an_option_of_a_route_is_one_word(value: str) -> None:
    assert shlex.split(shell_command(LoRoute("congctl", value)))[-1] == value
