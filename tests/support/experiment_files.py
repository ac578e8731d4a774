"""Experiment files from their text: what they become, or the sentences that refuse them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from harness import plugins
from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from harness.experiment.transports import transports
from harness.model import Arm, Experiment, LoadTool

TWO_ARMS = """
[arms.tcp]
[arms.uds-tmpfs]
transport = "uds-tmpfs"
"""
TRANSPORT_NAMES = ", ".join(sorted(transports()))
TOOL_NAMES = ", ".join(["client", *plugins.names(LoadTool)])


def read(text: str | bytes, *overrides: str) -> Experiment:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "trial.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_experiment(path, overrides)


def names(experiment: Experiment) -> list[str]:
    return [arm.name for arm in experiment.arms]


def arms(experiment: Experiment) -> dict[str, Arm]:
    return {arm.name: arm for arm in experiment.arms}


def refusals(text: str | bytes, *overrides: str) -> list[str]:
    """The sentences, one for each problem."""
    with pytest.raises(ConfigError) as raised:
        read(text, *overrides)
    assert raised.value.exit_code == 2
    return str(raised.value).splitlines()


def refusal(text: str | bytes, *overrides: str) -> str:
    """The sentence of the only problem."""
    [sentence] = refusals(text, *overrides)
    return sentence
