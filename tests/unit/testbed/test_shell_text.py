"""Changes of the kernel as shell text: a value is one word, whatever is in it."""

import shlex

import pytest

from harness.model.plugins import FileText, LoRoute
from harness.testbed.kernel.actions import action_of

VALUES = ["0;touch x", "a'b", "$(id)", "a b", "`id`", '"', "\\"]


@pytest.mark.parametrize("value", VALUES)
def test_a_sysctl_has_its_value_as_one_word(value: str) -> None:
    assert shlex.split(action_of(FileText("/proc/sys/net/ipv4/x", value)).command) == [
        "sysctl",
        "-w",
        f"net.ipv4.x={value}",
    ]


@pytest.mark.parametrize("value", VALUES)
def test_what_is_written_to_a_file_is_one_word(value: str) -> None:
    assert shlex.split(action_of(FileText("/sys/x", value)).command) == ["echo", value, ">/sys/x"]


@pytest.mark.parametrize("value", VALUES)
def test_an_option_of_a_route_is_one_word(value: str) -> None:
    assert shlex.split(action_of(LoRoute("congctl", value)).command)[-1] == value
