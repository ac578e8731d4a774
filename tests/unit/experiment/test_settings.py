"""What the tables of a file may hold, and what is said when they hold something else."""

import pytest

from harness.errors import ConfigError
from harness.experiment.document import parse_document
from harness.model import RoleCpuNumbers, Settings
from tests.support.experiment_files import TOOL_NAMES, TRANSPORT_NAMES, TWO_ARMS, arms, read, refusal, refusals

PATH = 'must be a path that begins with "/" and has no characters that a URL must escape, like "/bytes/100".'
PLACEMENT = 'must be "auto", "split", "shared", "same-cpu" or "none", or a table of CPU lists, one for each role.'
NAME = 'must be made of letters, digits, ".", "_" and "-", and begin with a letter or a digit.'
ONE_SETTING = 'give exactly one setting and its level, like { transport = "tcp" }.'


def test_what_a_file_leaves_out_has_its_default() -> None:
    experiment = read(TWO_ARMS)
    assert (experiment.name, experiment.question) == ("trial", "")  # the file is called trial.toml
    assert arms(experiment)["tcp"].settings == Settings()
    assert experiment.design.seed == 1
    assert experiment.design.budget_s == 60


def test_an_arms_own_table_is_on_top_of_what_all_arms_have() -> None:
    found = arms(read("[arm]\nworkers = 2\ntls = true\n[arms.a]\n[arms.b]\nworkers = 4"))
    assert (found["a"].settings.workers, found["a"].settings.tls) == (2, True)
    assert (found["b"].settings.workers, found["b"].settings.tls) == (4, True)


def test_a_placement_table_gives_the_cpus_of_each_role() -> None:
    experiment = read("[arm]\nplacement = { client = [3], nginx = [0], app = [1, 2] }" + TWO_ARMS)
    assert arms(experiment)["tcp"].settings.placement == RoleCpuNumbers(client=(3,), nginx=(0,), app=(1, 2))


def test_a_whole_number_will_do_where_a_fraction_may_stand() -> None:
    assert read(TWO_ARMS, "design.precision_percent=2").design.precision_percent == 2


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('workers = "16"', 'arm.workers = "16": must be a whole number, not text.'),
        ("workers = true", "arm.workers = true: must be a whole number."),
        ("workers = 1.5", "arm.workers = 1.5: must be a whole number."),
        ("workers = 0", "arm.workers = 0: must be 1 or more."),
        ("workers = 257", "arm.workers = 257: must be 256 or less."),
        ("workers = 1979-05-27", "arm.workers = 1979-05-27: must be a whole number."),
        ("upstream_keepalive = -1", "arm.upstream_keepalive = -1: must be 0 or more."),
        ("tls = 1", "arm.tls = 1: must be true or false."),
        ('tls = "yes"', 'arm.tls = "yes": must be true or false, not text.'),
        ("transport = 5", "arm.transport = 5: must be text in quotes."),
        ('nginx = ""', 'arm.nginx = "": must be at least 1 character long.'),
        ('worker_class = "gevent"', 'arm.worker_class = "gevent": must be "uvicorn", "asgi", "sync" or "gthread".'),
        (
            'worker_class = "asgy"',
            'arm.worker_class = "asgy": must be "uvicorn", "asgi", "sync" or "gthread". Did you mean \'asgi\'?',
        ),
        ('path = "spike/30"', f'arm.path = "spike/30": {PATH}'),
        ('path = "/a b"', f'arm.path = "/a b": {PATH}'),
        ('tool_seconds = "5"', 'arm.tool_seconds = "5": must be a number, not text.'),
        ('tool_seconds = "soon"', 'arm.tool_seconds = "soon": must be a number, not text.'),
        ("tool_seconds = true", "arm.tool_seconds = true: must be a number."),
        ("tool_seconds = [5]", "arm.tool_seconds = [5]: must be a number."),
        ("tool_seconds = inf", "arm.tool_seconds = inf: must be a finite number."),
        ("tool_seconds = nan", "arm.tool_seconds = nan: must be a finite number."),
        ("knobs = 3", "arm.knobs = 3: must be a table."),
        (
            'knobs = { "net.ipv4.tcp_sack" = true }',
            'arm.knobs."net.ipv4.tcp_sack" = true: must be a whole number, or text in quotes.',
        ),
        (
            "knobs.net.ipv4.tcp_sack = 1",
            "arm.knobs.net = { ipv4 = { tcp_sack = 1 } }: must be a whole number, or text in quotes. "
            'Put a name with dots in quotes, like "net.ipv4.tcp_sack".',
        ),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused_with_its_place_and_value(line: str, sentence: str) -> None:
    assert refusal(f"[arm]\n{line}\n{TWO_ARMS}") == sentence


@pytest.mark.parametrize(
    ("placement", "sentences"),
    [
        ('"spilt"', [f"arm.placement = \"spilt\": {PLACEMENT} Did you mean 'split'?"]),
        ("3", [f"arm.placement = 3: {PLACEMENT}"]),
        (
            "{ client = [0], nginx = [1] }",
            ["arm.placement = { client = [0], nginx = [1] }: the key 'app' is missing."],
        ),
        ("{ client = [0], nginx = [1], app = [2, -1] }", ["arm.placement.app[1] = -1: must be 0 or more."]),
        ("{ client = [0], nginx = [1], app = [] }", ["arm.placement.app = []: must be a list that is not empty."]),
        ("{ client = [0], nginx = [1], app = 2 }", ["arm.placement.app = 2: must be a list."]),
        ('{ client = [0], nginx = [1], app = "2-3" }', ['arm.placement.app = "2-3": must be a list.']),
        (
            '{ client = [true], nginx = ["1"], app = [2.5] }',
            [
                "arm.placement.client[0] = true: must be a whole number.",
                'arm.placement.nginx[0] = "1": must be a whole number, not text.',
                "arm.placement.app[0] = 2.5: must be a whole number.",
            ],
        ),
        (
            "{ client = [0], nginx = [1], app = [2], ap = [3] }",
            ["arm.placement.ap = [3]: there is no such key. Did you mean 'app'?"],
        ),
    ],
)
def test_a_wrong_placement_is_refused_for_what_it_was_meant_to_be(placement: str, sentences: list[str]) -> None:
    assert refusals(f"[arm]\nplacement = {placement}\n{TWO_ARMS}") == sentences


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("sessions = 1", "design.sessions = 1: must be 2 or more."),
        ("sessions = 2.5", "design.sessions = 2.5: must be a whole number."),
        ("rounds = 0", "design.rounds = 0: must be 1 or more."),
        ("burst = 0", "design.burst = 0: must be 1 or more."),
        ("settle = -1", "design.settle = -1: must be 0 or more."),
        ('seed = "1"', 'design.seed = "1": must be a whole number, not text.'),
        ("budget_s = 0", "design.budget_s = 0: must be more than 0."),
        ('budget_s = "60"', 'design.budget_s = "60": must be a number, not text.'),
        ("budget_s = true", "design.budget_s = true: must be a number."),
        ("budget_s = inf", "design.budget_s = inf: must be a finite number."),
        ("equivalence_percent = 100", "design.equivalence_percent = 100: must be less than 100."),
        ("control = 0", "design.control = 0: must be true or false."),
        (
            'processes = "separated"',
            'design.processes = "separated": must be "shared" or "separate". Did you mean \'separate\'?',
        ),
        ("against = 3", "design.against = 3: must be text in quotes, or a table."),
        ("sesions = 4", "design.sesions = 4: there is no such key. Did you mean 'sessions'?"),
    ],
)
def test_a_wrong_design_is_refused_with_its_place_and_value(line: str, sentence: str) -> None:
    assert refusal(f"{TWO_ARMS}[design]\n{line}\n") == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('nam = "x"', "nam = \"x\": there is no such key. Did you mean 'name'?"),
        ("[desing]", "desing = {}: there is no such key. Did you mean 'design'?"),
        (
            "[xyz]",
            "xyz = {}: there is no such key. Choose from: name, question, arm, arms, factors, design, counters.",
        ),
        ('name = "-x y"', f'name = "-x y": {NAME}'),
        ("name = 3", "name = 3: must be text in quotes."),
        (f'name = "{"x" * 81}"', f'name = "{"x" * 75} ...: must be at most 80 characters long.'),
        ("question = 3", "question = 3: must be text in quotes."),
        ("arm = 3", "arm = 3: must be a table."),
        ("arms = 3", "arms = 3: must be a table."),
        ("[arms]\nint = 3", "arms.int = 3: must be a table."),
        ("factors = [1]", "factors = [1]: must be a table."),
        ('[factors]\ntransport = "tcp"', 'factors.transport = "tcp": must be a list.'),
        ('[arm]\ntrasnport = "tcp"', "arm.trasnport = \"tcp\": there is no such key. Did you mean 'transport'?"),
        ("[arms.a]\ntsl = 1\n[arms.b]", "arms.a.tsl = 1: there is no such key. Did you mean 'tls'?"),
    ],
)
def test_what_a_file_cannot_have_is_refused(text: str, sentence: str) -> None:
    assert refusals(text)[0] == sentence


def test_a_key_that_is_near_to_none_is_answered_with_all_there_are() -> None:
    sentence = refusal(f"[arm]\nzzz = 1\n{TWO_ARMS}")
    assert sentence == f"arm.zzz = 1: there is no such key. Choose from: {', '.join(Settings.model_fields)}."


def test_a_long_value_is_cut_short() -> None:
    assert len(refusal(f'[arm]\nworkers = "{"9" * 5000}"\n{TWO_ARMS}')) < 150


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            'transport = "udp"',
            f'arm.transport = "udp": there is no such transport. Choose from: {TRANSPORT_NAMES}.',
        ),
        (
            'transport = "uds-tmps"',
            "arm.transport = \"uds-tmps\": there is no such transport. Did you mean 'uds-tmpfs'?",
        ),
        (
            'tool = "browser"',
            f'arm.tool = "browser": this version drives no such tool. Choose from: {TOOL_NAMES}.',
        ),
        ('tool = "clinet"', "arm.tool = \"clinet\": this version drives no such tool. Did you mean 'client'?"),
        ('network = "vet"', "arm.network = \"vet\": there is no such rung. Did you mean 'veth'?"),
        (
            'sandbox = ["secomp"]',
            'arm.sandbox = ["secomp"]: there is no such rung as "secomp". Did you mean \'seccomp\'?',
        ),
        (
            'sandbox = ["user", "user"]',
            'arm.sandbox = ["user", "user"]: "user" is listed more than once. Once is enough.',
        ),
        ('sandbox = "user"', 'arm.sandbox = "user": must be a list.'),
        ('app = ":app"', 'arm.app = ":app": write it as module:name, like app.main:app.'),
        ('app = "app.main:"', 'arm.app = "app.main:": write it as module:name, like app.main:app.'),
    ],
)
def test_names_that_do_not_exist_are_refused_with_those_that_do(line: str, sentence: str) -> None:
    tables = "[arms.a]\n[arms.b]\nworkers = 2\n"
    assert refusal(f"[arm]\n{line}\n{tables}") == sentence


def test_defaults_may_be_written_out() -> None:
    lines = 'network = "host"\nknobs = {}\ncpu_quota = 0\nurl = ""\nconnections = 1\ntool = "client"'
    assert arms(read(f"[arm]\n{lines}\n{TWO_ARMS}"))["tcp"].settings == Settings()


def test_ab_is_a_tool() -> None:
    assert arms(read(f'[arm]\ntool = "ab"\n{TWO_ARMS}'))["tcp"].settings.tool == "ab"


def test_a_sync_worker_keeps_no_connection_and_every_such_arm_is_named_in_one_sentence() -> None:
    factors = '[factors]\nupstream_keepalive = [0, 16]\nworker_class = ["sync", "asgi"]\ntls = [false, true]'
    assert refusal(factors) == (
        "Arms '16/sync/false', '16/sync/true': worker_class = \"sync\" excludes upstream_keepalive = 16, because "
        "gunicorn's sync worker closes every connection. "
        'Set upstream_keepalive to 0, or worker_class to "uvicorn", "asgi" or "gthread".'
    )


def test_every_problem_is_in_one_message() -> None:
    text = """
        [arm]
        workers = "2"
        tool = "abb"
        worker_class = "sync"
        [arms.tcp]
        trasnport = "tcp"
        [arms.uds-dir]
        transport = "uds-dir"
        upstream_keepalive = 4
        [arms.control]
        [factors]
        tls = [false, 1]
        pth = ["/"]
        [design]
        against = "udp/false/root"
        sessions = 1
        budget_s = -3
    """
    assert [sentence.partition(":")[0] for sentence in refusals(text)] == [
        'arm.workers = "2"',
        'arm.tool = "abb"',
        'arms.tcp.trasnport = "tcp"',
        "factors.tls[1] = 1",
        'factors.pth = ["/"]',
        "design.budget_s = -3",
        "design.sessions = 1",
        'design.against = "udp/false/root"',
        "Arms 'uds-dir/false/root', 'uds-dir/1/root'",
    ]


def test_what_is_wrong_inside_the_tables_is_said_beside_what_is_wrong_with_them() -> None:
    text = """
        [desing]
        [arms]
        a = 3
        [arms.b]
        workers = 0
        [factors]
        transport = "tcp"
        path = ["x"]
        [design]
        seed = ""
    """
    assert [sentence.partition(":")[0] for sentence in refusals(text)] == [
        "arms.a = 3",
        'factors.transport = "tcp"',
        "desing = {}",
        "arms.b.workers = 0",
        'factors.path[0] = "x"',
        'design.seed = ""',
    ]


def test_refused_tables_are_left_as_they_were() -> None:
    tables = {"arms": {"a": 3, "b": {"workers": 0}}}
    with pytest.raises(ConfigError):
        parse_document(tables)
    assert tables == {"arms": {"a": 3, "b": {"workers": 0}}}
