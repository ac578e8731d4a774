"""Arms and their names, from tables and from factors."""

import pytest

from harness.experiment.arms import arms_of, level_name
from harness.experiment.document import Document
from tests.support.experiment_files import TRANSPORT_NAMES, TWO_ARMS, arms, names, read, refusal, refusals

GOOD_NAME = (
    "Choose a name of at most 100 printable characters, "
    'without "/" at its ends and without ".."; write arms of factors as tables of [arms.*] to name them.'
)


def test_arms_of_tables_are_in_the_order_of_the_file() -> None:
    experiment = read('[arms.uds-tmpfs]\ntransport = "uds-tmpfs"\n[arms.tcp]\n[arms.a]\ntls = true')
    assert names(experiment) == ["uds-tmpfs", "tcp", "a", "control"]


def test_arms_of_factors_are_named_by_their_values() -> None:
    found = arms(read('[factors]\ntransport = ["tcp", "uds-dir"]\nupstream_keepalive = [0, 16]'))
    assert list(found) == ["tcp/0", "tcp/16", "uds-dir/0", "uds-dir/16", "control"]
    assert found["uds-dir/16"].settings.transport == "uds-dir"
    assert found["uds-dir/16"].settings.upstream_keepalive == 16


def test_factors_multiply_tables() -> None:
    found = arms(read("[arm]\nworkers = 3\n[arms.plain]\n[arms.tls]\ntls = true\n[factors]\nworkers = [1, 2]"))
    assert list(found) == ["plain/1", "plain/2", "tls/1", "tls/2", "control"]
    assert [(arm.settings.tls, arm.settings.workers) for arm in found.values()][:4] == [
        (False, 1),
        (False, 2),
        (True, 1),
        (True, 2),
    ]


def test_knobs_are_factors_beside_those_that_all_arms_have() -> None:
    document = Document(
        arm={"knobs": {"net.core.somaxconn": 4096, "net.ipv4.tcp_sack": 1}},
        factors={"knobs.net.ipv4.tcp_sack": [0, 1], "knobs.net.ipv4.tcp_congestion_control": ["bbr"]},
    )
    found = {arm.name: arm.settings.knobs for arm in arms_of(document)}
    others = {"net.core.somaxconn": 4096, "net.ipv4.tcp_congestion_control": "bbr"}
    assert found == {
        "0/bbr": others | {"net.ipv4.tcp_sack": 0},
        "1/bbr": others | {"net.ipv4.tcp_sack": 1},
    }


def test_a_knob_that_is_a_factor_is_refused_where_it_stands() -> None:
    assert refusals('[factors]\n"knobs.lo.mtu" = [1500, 1]') == [
        'factors."knobs.lo.mtu"[1] = 1: must be a whole number from 1280 to 65536.'
    ]


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (16, "16"),
        (True, "true"),
        (0.5, "0.5"),
        ("uds-dir", "uds-dir"),
        ("/spike/30", "spike/30"),
        ("/", "root"),
        ("", "default"),
        ({"client": [3], "nginx": [0], "app": [1, 2]}, "client=3,nginx=0,app=1+2"),
        ({}, "none"),
    ],
)
def test_a_level_reads_well_in_an_arms_name(level: object, name: str) -> None:
    assert level_name(level) == name


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        ("workers = []", "factors.workers = []: a factor needs at least one level."),
        ('workers = [1, "2"]', 'factors.workers[1] = "2": must be a whole number, not text.'),
        (
            '"knobs.net.ipv4.tcp_sack" = [true]',
            'factors."knobs.net.ipv4.tcp_sack"[0] = true: must be a whole number, or text in quotes.',
        ),
        ("workrs = [1, 2]", "factors.workrs = [1, 2]: there is no such setting. Did you mean 'workers'?"),
        (
            'transport = ["tcp", "udp"]',
            f'factors.transport[1] = "udp": there is no such transport. Choose from: {TRANSPORT_NAMES}.',
        ),
        (
            'placement = ["auto", { client = [0], nginx = [1], app = [-2] }]',
            "factors.placement[1].app[0] = -2: must be 0 or more.",
        ),
        (
            "knobs.net.ipv4.tcp_sack = [0, 1]\nworkers = [1, 2]",
            "factors.knobs = { net = { ipv4 = { tcp_sack = [0, 1] } } }: must be a list. "
            'Put a name with dots in quotes, like "net.ipv4.tcp_sack".',
        ),
    ],
)
def test_a_wrong_level_is_refused_where_it_stands(factors: str, sentence: str) -> None:
    assert refusal(f"[factors]\n{factors}\n{TWO_ARMS}") == sentence


@pytest.mark.parametrize(
    ("text", "name"), [("", "trial"), ("[arms.tcp]", "tcp"), ('[factors]\ntransport = ["uds-dir"]', "uds-dir")]
)
def test_one_arm_has_nothing_to_be_compared_with(text: str, name: str) -> None:
    assert refusal(text) == (
        f"There is only one arm, {name!r}: a comparison needs two. Add [arms.*] tables or [factors]."
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[factors]\nworkers = [1, 2, 1]", "1"),
        ('[factors]\npath = ["/a", "/a/"]', "a"),
        ('[arms.a]\n[arms."a/1"]\n[factors]\npath = ["/x", "/1/x"]', "a/1/x"),
    ],
)
def test_two_arms_of_one_name_are_refused(text: str, name: str) -> None:
    assert refusal(text) == (
        f"More than one arm is called {name!r}. "
        "Give each table of [arms.*] its own name, and each factor distinct levels."
    )


@pytest.mark.parametrize("design", ["", "[design]\ncontrol = false"])
def test_no_arm_is_called_control(design: str) -> None:
    assert refusal(f"[arms.tcp]\n[arms.control]\n{design}") == (
        "arms.control: this name is reserved for the copy of the reference arm. Choose another name."
    )


@pytest.mark.parametrize("name", [r"a\nb", " a", "/etc", "..", "a/../../b", "x" * 101, r"\u001b[31m"])
def test_a_name_that_cannot_stand_in_a_file_or_a_path_is_refused(name: str) -> None:
    """Arms' names become comments of nginx.conf, and directories."""
    assert refusal(f'[arms.tcp]\n[arms."{name}"]') == f'An arm is called "{name}". {GOOD_NAME}'
