"""`--set KEY.PATH=VALUE`."""

import pytest

from harness.model import Design, RoleCpuNumbers, Settings
from tests.support.experiment_files import TWO_ARMS, arms, names, read, refusal, refusals


@pytest.mark.parametrize(
    ("override", "setting", "value"),
    [
        ("arm.workers=4", "workers", 4),
        ("arm.tls=true", "tls", True),
        ("arm.tool_seconds=2.5", "tool_seconds", 2.5),
        ("arm.path=/spike/30", "path", "/spike/30"),
        ('arm.path="/spike/30"', "path", "/spike/30"),
        ("arm.path=/bytes/100?a=b", "path", "/bytes/100?a=b"),
        ("arm.path='/spike/30'", "path", "/spike/30"),
        ("arm.app=app.wsgi:app", "app", "app.wsgi:app"),
        ("arm.nginx=/usr/sbin/nginx", "nginx", "/usr/sbin/nginx"),
        ("arm.python=", "python", ""),
        (" arm.workers = 4 ", "workers", 4),
        ("arm.worker_class = asgi", "worker_class", "asgi"),
        (
            "arm.placement={ client = [0], nginx = [1], app = [2] }",
            "placement",
            RoleCpuNumbers(client=(0,), nginx=(1,), app=(2,)),
        ),
    ],
)
def test_a_value_is_toml_or_else_a_word(override: str, setting: str, value: object) -> None:
    assert getattr(arms(read(TWO_ARMS, override))["tcp"].settings, setting) == value


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("design.budget_s=30", "budget_s", 30),
        ("design.budget_s=1e3", "budget_s", 1000),
        ("design.control=false", "control", False),
        ("design.processes=separate", "processes", "separate"),
        ("design.against=uds-tmpfs", "against", "uds-tmpfs"),
        ('design.against={transport="tcp"}', "against", {"transport": "tcp"}),
        ("design.against.transport=tcp", "against", {"transport": "tcp"}),
    ],
)
def test_the_design_can_be_overridden(override: str, key: str, value: object) -> None:
    assert getattr(read(TWO_ARMS, override).design, key) == value


def test_the_name_and_the_question_can_be_overridden() -> None:
    experiment = read(TWO_ARMS, "name=mine", 'question=Is "this" # better?')
    assert (experiment.name, experiment.question) == ("mine", 'Is "this" # better?')


def test_keys_may_have_dashes_and_quotes() -> None:
    found = arms(read(TWO_ARMS, "arms.uds-tmpfs.workers=2", 'arms."two words".tls=true'))
    assert found["uds-tmpfs"].settings == Settings(transport="uds-tmpfs", workers=2)
    assert found["two words"].settings == Settings(tls=True)


@pytest.mark.parametrize(
    "key", ['arm.knobs."net.ipv4.tcp_sack"', "arm.knobs.net.ipv4.tcp_sack", "arms.tcp.knobs.net.ipv4.tcp_sack"]
)
def test_the_name_of_a_knob_keeps_its_dots_with_quotes_and_without(key: str) -> None:
    experiment = read(TWO_ARMS, f"{key}=0")
    assert experiment.arms[0].settings.knobs == {"net.ipv4.tcp_sack": 0}


def test_a_factor_can_be_added() -> None:
    assert names(read(TWO_ARMS, "factors.workers=[1, 2]")) == [
        "tcp/1",
        "tcp/2",
        "uds-tmpfs/1",
        "uds-tmpfs/2",
        "control",
    ]


def test_the_last_of_several_wins_and_what_the_file_says_loses() -> None:
    assert read(f"{TWO_ARMS}[design]\nseed = 3", "design.seed=4", "design.seed=5").design.seed == 5


def test_a_table_takes_the_place_of_the_one_in_the_file() -> None:
    text = f'{TWO_ARMS}[design]\nagainst = {{ transport = "tcp" }}\nseed = 3'
    assert read(text, "design={seed = 4}").design == Design(seed=4)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("arm.workers=two", 'arm.workers = "two": must be a whole number, not text.'),
        ('arm.workers="2"', 'arm.workers = "2": must be a whole number, not text.'),
        ("arm.tls=True", 'arm.tls = "True": must be true or false, not text.'),
        ("design.profile=lbr", 'design.profile = "lbr": must be true or false, or "dwarf".'),
        ("design.seed=07", 'design.seed = "07": must be a whole number, not text.'),
        ("design.budget_s=inf", "design.budget_s = inf: must be a finite number."),
        ("factors.workers=1,2", 'factors.workers = "1,2": must be a list.'),
        ("arm.wokers=2", "arm.wokers = 2: there is no such key. Did you mean 'workers'?"),
        ("desing.seed=2", "desing = { seed = 2 }: there is no such key. Did you mean 'design'?"),
        ("arm=2", "arm = 2: must be a table."),
        (
            "arms.uds-tmpfs.transport.tcp=1",
            "arms.uds-tmpfs.transport = { tcp = 1 }: must be text in quotes. "
            'Put a name with dots in quotes, like "net.ipv4.tcp_sack".',
        ),
        (
            "design.seed=1\n[arm]\ntls = true",
            r'design.seed = "1\n[arm]\ntls = true": has U+000A, an invisible character. Leave it out.',
        ),
    ],
)
def test_a_wrong_value_is_refused_as_if_it_stood_in_the_file(override: str, sentence: str) -> None:
    assert refusal(TWO_ARMS, override) == sentence


BAD = ["design.seed", "=3", "arm.=3", ".arm=3", "two words=3", "# arm.tls=true", 'arm."tls=true', "[arm]=3", ""]


@pytest.mark.parametrize("override", BAD)
def test_what_is_no_assignment_is_refused_with_an_example(override: str) -> None:
    assert refusal(TWO_ARMS, override) == (
        f"--set {override} is not of the form KEY.PATH=VALUE. Write it like --set design.budget_s=30; "
        'a key with dots or spaces needs quotes, like arm.knobs."net.ipv4.tcp_sack".'
    )


def test_all_that_are_no_assignments_are_refused_together() -> None:
    assert len(refusals(TWO_ARMS, *BAD)) == len(BAD)
