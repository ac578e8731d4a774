"""Which boots an experiment needs, in which order, and that what is run on each is one experiment to compare."""

import shlex
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.experiment.designs import boots_of, other_overrides
from harness.experiment.document import read_document
from harness.experiment.read import build_experiment
from harness.report.commands.plan import boots_report, plan_boots
from harness.report.text.terminal import render_terminal

STUDY = """
name = "booted"
question = "Do mitigations cost TCP more than a Unix socket?"
[factors]
"knobs.boot.mitigations" = ["auto", "off"]
"knobs.boot.nohz_full" = [1, 2]
transport = ["tcp", "uds-tmpfs"]
[design]
against = { transport = "tcp" }
"""


def study(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "booted.toml"
    path.write_text(text)
    return path


def test_every_combination_is_booted_once_in_an_order_of_the_seed(tmp_path: Path) -> None:
    document = read_document(study(tmp_path, STUDY), ())
    orders = [[boot.parameters for boot in boots_of(document, seed)] for seed in range(20)]
    assert all(len(set(order)) == len(order) == 4 for order in orders)
    assert ("mitigations=off", "nohz_full=2") in orders[0]
    assert len(set(map(tuple, orders))) > 1
    assert orders[3] == [boot.parameters for boot in boots_of(document, 3)]


def test_the_runs_of_all_boots_have_arms_of_the_same_names_with_that_boots_knobs(tmp_path: Path) -> None:
    path = study(tmp_path, STUDY)
    for boot in boots_of(read_document(path, ()), 1):
        arms = build_experiment(read_document(path, boot.overrides)).arms
        assert [arm.name for arm in arms if not arm.control_of] == ["tcp", "uds-tmpfs"]
        for arm in arms:
            knobs = {f"{name.removeprefix('boot.')}={value}" for name, value in arm.settings.knobs.items()}
            assert knobs == set(boot.parameters)


def test_the_commands_can_be_typed_as_they_are_printed(tmp_path: Path) -> None:
    path = study(tmp_path, STUDY)
    boots = boots_of(read_document(path, ()), 1)
    text = render_terminal(boots_report(plan_boots(boots, str(path), "booted", ["design.budget_s=9"])), width=100)
    commands = [shlex.split(line) for line in text.splitlines() if line.strip().startswith("barehop run")]
    assert [[word for word in words if "arm.knobs" in word] for words in commands] == [
        [override for override in boot.overrides if "arm.knobs" in override] for boot in boots
    ]
    assert all("design.budget_s=9" in words for words in commands)
    assert "barehop compare results/booted/boot-1 results/booted/boot-2" in text


def test_what_was_set_of_factors_is_not_said_again_beside_what_a_boot_makes_of_it(tmp_path: Path) -> None:
    path = study(tmp_path, STUDY)
    given = ['factors."knobs.boot.nohz_full"=[1, 2, 3]', "factors={}", "arm.path=/x", "design.seed=2"]

    assert other_overrides(given) == ["arm.path=/x", "design.seed=2"]
    (first, *_) = boots_of(read_document(path, given[:1]), 1)
    assert "transport" in first.overrides[0]


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        (
            '"knobs.boot.mitigations" = ["auto", "off"]\n"knobs.boot.nohz_full" = [1, 2]\n',
            "no factor that needs a reboot",
        ),
        ('transport = ["tcp", "uds-tmpfs"]\n', "one arm on each boot"),
    ],
)
def test_what_cannot_be_studied_by_booting_is_said(tmp_path: Path, gone: str, sentence: str) -> None:
    document = read_document(study(tmp_path, STUDY.replace(gone, "")), ())
    with pytest.raises(ConfigError, match=sentence):
        boots_of(document, 1)
