"""Whatever a file holds, it becomes an experiment or a ConfigError in sentences."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.experiment.document import Document, parse_document
from harness.experiment.read import build_experiment
from harness.model import Design, Experiment, Settings
from tests.support.experiment_files import read

Tables = dict[str, Any]

ODD_VALUES = [
    "fast",
    "-5%",
    "1000%",
    "70%",
    "0x",
    "0-99999999999",
    "0;touch x",
    16**3000,
    "\x1b[31m",
    "\u202e",
    "x" * 4000,
]
plain_values = (
    st.booleans()
    | st.sampled_from(ODD_VALUES)
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.times()
    | st.datetimes()
)
any_values = st.recursive(
    plain_values,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=6,
)
cpu_lists = st.dictionaries(
    st.sampled_from(["client", "nginx", "app", "x"]), st.lists(st.integers(-1, 3) | plain_values, max_size=2)
)
RIGHT_SETTINGS: dict[str, list[Any]] = {
    "transport": ["tcp", "uds-dir"],
    "worker_class": ["asgi", "sync"],
    "upstream_keepalive": [0, 16],
    "tls": [False, True],
    "path": ["/", "/x"],
    "placement": ["auto", {"client": [0], "nginx": [0], "app": [1, 2]}],
    "tool_seconds": [0, 0.5],
    "tool": ["client", "ab"],
}
RIGHT_DESIGNS: dict[str, list[Any]] = {
    "against": ["a", "a/tcp", {"transport": "tcp"}, {"tls": False}],
    "control": [False],
    "budget_s": [1, 2.5],
    "rounds": [3],
}
wrong_keys = st.sampled_from([*Settings.model_fields, *Design.model_fields, "knobs.x"]) | st.text(max_size=4)


def some_of(right: dict[str, list[Any]]) -> st.SearchStrategy[Tables]:
    return st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in right.items()})


def spoilt(right: st.SearchStrategy[Tables]) -> st.SearchStrategy[Any]:
    """Now and then with a key or a value that does not belong there, or no table at all."""
    with_another = st.builds(
        lambda table, more: table | more, right, st.dictionaries(wrong_keys, any_values, max_size=1)
    )
    return right | right | with_another | any_values


factors = st.sampled_from([[], ["transport"], ["tls"], ["transport", "tls"]]).map(
    lambda keys: {key: RIGHT_SETTINGS[key] for key in keys}
)
files = st.fixed_dictionaries(
    {"arms": spoilt(st.fixed_dictionaries({"a": st.just({}), "b": spoilt(some_of(RIGHT_SETTINGS))}))},
    optional={
        "name": st.just("trial") | plain_values,
        "question": plain_values,
        "arm": spoilt(some_of(RIGHT_SETTINGS)),
        "factors": spoilt(factors),
        "design": spoilt(some_of(RIGHT_DESIGNS)),
    },
)
KEYS = sorted({*Document.model_fields, *Settings.model_fields, *Design.model_fields})
PYDANTICS = re.compile(
    r"valid (dict|int|str|bool|list|tuple|number)|instance of|Input should|something else|constrained"
    r"|\x1b|\u202e|x{200}"
)


def sentences(decode: Callable[[], object]) -> list[str]:
    """What `decode` is refused with; nothing but ConfigError may come out of it."""
    try:
        decode()
    except ConfigError as error:
        return str(error).split("\n")
    return []


def are_ours(found: Iterable[str]) -> bool:
    return all(line.endswith((".", "?")) and not PYDANTICS.search(line) for line in found)


@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), any_values, max_size=5))
def test_any_tables_at_all(tables: Tables) -> None:
    assert are_ours(sentences(lambda: build_experiment(parse_document(tables))))


@given(files)
@example({"arm": {"knobs": 3}, "factors": {"knobs.x": [1]}})
@example({"factors": {"transport": []}, "design": {"against": "tcp"}})
@example({"arms": {"a": {}, "b": {}}, "design": {"against": {"cpu_quota": 0}}})
@example({"arms": {"a": {}, "b": {}}, "design": {"budget_s": float("inf")}})
@example({"arms": {"a": 3}, "factors": {"workers": 3}, "name": 3})
def test_tables_that_are_almost_right(tables: Tables) -> None:
    found = sentences(lambda: build_experiment(parse_document(tables)))
    assert are_ours(found)
    if not found:
        assert_fit_to_measure(build_experiment(parse_document(tables)))


def assert_fit_to_measure(experiment: Experiment) -> None:
    names = [arm.name for arm in experiment.arms]
    assert len(set(names)) == len(names) >= 2
    assert experiment.pairs
    assert {name for pair in experiment.pairs for name in pair} <= set(names)
    assert all(arm != reference for arm, reference in experiment.pairs)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes(content: bytes) -> None:
    assert are_ours(sentences(lambda: read(content)))


@given(st.text(max_size=12), st.text(max_size=12))
@example("arm.workers", "9" * 5000)
@example("arm.workers", "[" * 5000)
@example(".".join(["arm"] * 3000), "1")
def test_any_override(key: str, value: str) -> None:
    found = sentences(lambda: read("[arms.a]\n[arms.b]\n", f"{key}={value}"))
    assert not found or found[-1].endswith((".", "?"))
