"""Which arm is compared with which: `against` as an arm, as a level, left out and wrong; the control."""

import pytest

from harness.experiment.arms import arms_of
from harness.experiment.document import Document
from harness.experiment.pairs import counterpart_problems, pairs_of
from harness.model import Design
from tests.support.experiment_files import TRANSPORT_NAMES, TWO_ARMS, arms, names, read, refusal, refusals

THREE_ARMS = f'{TWO_ARMS}[arms.uds-dir]\ntransport = "uds-dir"\n'
PRODUCT = '[factors]\nupstream_keepalive = [0, 16]\ntransport = ["uds-dir", "tcp"]\n'


def test_without_against_every_arm_is_compared_with_the_first() -> None:
    assert read(THREE_ARMS).pairs == (("control", "tcp"), ("uds-tmpfs", "tcp"), ("uds-dir", "tcp"))


def test_against_an_arm_every_other_is_compared_with_it() -> None:
    experiment = read(f'{THREE_ARMS}[design]\nagainst = "uds-dir"')
    assert experiment.pairs == (("control", "uds-dir"), ("tcp", "uds-dir"), ("uds-tmpfs", "uds-dir"))


def test_against_an_arm_made_from_factors() -> None:
    assert read(f'{PRODUCT}[design]\nagainst = "16/tcp"\ncontrol = false').pairs == (
        ("0/uds-dir", "16/tcp"),
        ("0/tcp", "16/tcp"),
        ("16/uds-dir", "16/tcp"),
    )


def test_against_a_level_each_arm_is_compared_with_the_one_that_differs_in_that_alone() -> None:
    experiment = read(f'{PRODUCT}[design]\nagainst = {{ transport = "tcp" }}')
    assert experiment.pairs == (("control", "0/tcp"), ("0/uds-dir", "0/tcp"), ("16/uds-dir", "16/tcp"))


def test_against_a_level_that_is_the_default_or_equal_in_value() -> None:
    pairs = (("control", "false"), ("true", "false"))
    assert read("[factors]\ntls = [true, false]\n[design]\nagainst = { tls = false }").pairs == pairs
    seconds = "[factors]\ntool_seconds = [1.0, 2.5]\n[design]\nagainst = { tool_seconds = 1 }"
    assert read(seconds).pairs == (("control", "1.0"), ("2.5", "1.0"))


def test_against_a_placement() -> None:
    lists = "{ client = [0], nginx = [0], app = [1] }"
    experiment = read(f'[factors]\nplacement = ["auto", {lists}]\n[design]\nagainst.placement = {lists}')
    assert experiment.pairs == (
        ("control", "client=0,nginx=0,app=1"),
        ("auto", "client=0,nginx=0,app=1"),
    )


def test_against_a_knob() -> None:
    key = "knobs.net.ipv4.tcp_sack"
    found = arms_of(Document(factors={key: [0, 1], "transport": ["tcp", "uds-dir"]}))
    design = Design(against={key: 1})
    assert list(counterpart_problems(found, design)) == []
    assert pairs_of(found, design) == [("0/tcp", "1/tcp"), ("0/uds-dir", "1/uds-dir")]


def test_the_control_is_the_reference_again_and_its_pair_is_first() -> None:
    experiment = read(f'{THREE_ARMS}[design]\nagainst = "uds-dir"')
    control = experiment.arms[-1]
    assert (control.name, control.control_of) == ("control", "uds-dir")
    assert control.settings == arms(experiment)["uds-dir"].settings
    assert [arm.control_of for arm in experiment.arms[:-1]] == [None, None, None]
    assert experiment.pairs[0] == ("control", "uds-dir")


def test_the_control_can_be_done_without() -> None:
    experiment = read(f"{THREE_ARMS}[design]\ncontrol = false")
    assert names(experiment) == ["tcp", "uds-tmpfs", "uds-dir"]
    assert experiment.pairs == (("uds-tmpfs", "tcp"), ("uds-dir", "tcp"))


ONE_SETTING = 'give exactly one setting and its level, like { transport = "tcp" }.'


@pytest.mark.parametrize(
    ("against", "sentence"),
    [
        ('"tpc"', "design.against = \"tpc\": there is no such arm. Did you mean 'tcp'?"),
        ('"x"', 'design.against = "x": there is no such arm. Choose from: tcp, uds-tmpfs, uds-dir.'),
        ("{}", f"design.against = {{}}: {ONE_SETTING}"),
        (
            '{ transport = "tcp", tls = false }',
            f'design.against = {{ transport = "tcp", tls = false }}: {ONE_SETTING}',
        ),
        (
            '{ transprt = "tcp" }',
            "design.against.transprt = \"tcp\": there is no such setting. Did you mean 'transport'?",
        ),
        (
            '{ transport = "udp" }',
            f'design.against.transport = "udp": there is no such transport. Choose from: {TRANSPORT_NAMES}.',
        ),
        ("{ tls = 0 }", "design.against.tls = 0: must be true or false."),
        (
            "{ workers = 2 }",
            "design.against = { workers = 2 }: no arm has this level. The arms have: 1.",
        ),
        (
            "{ workers = 1 }",
            "design.against = { workers = 1 }: all arms have this level. "
            "Name a setting in which they differ, or an arm.",
        ),
        ('["tcp"]', 'design.against = ["tcp"]: must be text in quotes, or a table.'),
    ],
)
def test_a_wrong_against_is_refused_with_the_way_out(against: str, sentence: str) -> None:
    assert refusal(f"{THREE_ARMS}[design]\nagainst = {against}") == sentence


def test_an_arm_without_its_counterpart_is_refused_by_name() -> None:
    text = f'{THREE_ARMS}tls = true\n[design]\nagainst = {{ transport = "tcp" }}'
    assert refusals(text) == [
        "design.against = { transport = \"tcp\" }: no arm with this level has all other settings of 'uds-dir'. "
        "Add it, or name an arm."
    ]


def test_two_arms_of_the_same_settings_may_be_compared_by_name_but_not_by_level() -> None:
    twins = "[arms.a]\n[arms.b]\n"
    assert read(twins).pairs == (("control", "a"), ("b", "a"))
    assert "all arms have this level" in refusal(f'{twins}[design]\nagainst = {{ transport = "tcp" }}')
