"""Rungs in experiment files: what they exclude, and what is left of an experiment whose machine lacks some."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.analysis.doubts import arm_doubts
from harness.experiment.constraints import sentences_on_arms
from harness.experiment.pairs import without_arms
from harness.model import AddressKind, Settings
from harness.session import preflight
from harness.session.preflight import comparison_problems, without_unavailable_arms
from tests.support.experiment_files import names, read, refusal, refusals

LADDER = """
[arms.host]
[arms.bridge]
network = "bridge"
[arms.bridge-nf]
network = "bridge-nf"
[arms.nat]
network = "nat"
"""


def test_a_rung_that_is_not_there_is_refused_with_the_nearest() -> None:
    assert refusal(LADDER + 'transport = "tcp"', 'arms.nat.network="nta"').endswith("Did you mean 'nat'?")


@pytest.mark.parametrize(
    ("chain", "leg", "between"),
    [
        ("app-direct", "hop", "nginx and the app"),
        ("floor", "front", "the client and nginx"),
        ("proxy-only", "hop", "nginx and the app"),
    ],
)
def test_a_rung_needs_the_connection_that_it_lies_on(chain: str, leg: str, between: str) -> None:
    text = f'[arm]\nchain = "{chain}"\nnetwork = "veth"\nnetwork_leg = "{leg}"\n[arms.a]\n[arms.b]\nworkers = 2\n'
    assert f"which is between {between}" in refusal(text)


def test_in_front_of_nginx_alone_there_may_be_a_rung() -> None:
    text = '[arm]\nchain = "proxy-only"\nnetwork_leg = "front"\n[arms.a]\n[arms.b]\nnetwork = "veth"\n'
    assert names(read(text)) == ["a", "b", "control"]


def test_the_rest_is_compared_where_an_arm_is_left_out() -> None:
    ladder = read(LADDER)
    chained = ladder.model_copy(
        update={"pairs": (("control", "host"), ("bridge", "host"), ("bridge-nf", "bridge"), ("nat", "bridge-nf"))}
    )
    rest = without_arms(chained, {"bridge-nf": "No such thing."})
    assert names(rest) == ["host", "bridge", "nat", "control"]
    assert rest.pairs == (("control", "host"), ("bridge", "host"), ("nat", "bridge"))
    assert rest.left_out == {"bridge-nf": "No such thing."}


def test_a_control_whose_reference_is_left_out_is_replaced() -> None:
    ladder = read(LADDER + '[design]\nagainst = "bridge"')
    chained = ladder.model_copy(update={"pairs": (("control", "bridge"), ("bridge", "host"), ("nat", "bridge"))})
    rest = without_arms(chained, {"bridge": "No.", "control": "No."})
    assert rest.pairs == (("control", "host"), ("nat", "host"))
    assert rest.arm("control").control_of == "host"
    assert rest.left_out == {"bridge": "No."}


def test_arms_with_the_same_reason_share_a_sentence_and_a_doubt() -> None:
    rest = without_arms(read(LADDER), {"bridge-nf": "No such thing.", "nat": "No such thing."})
    assert sentences_on_arms(rest.left_out.items()) == ["Arms 'bridge-nf', 'nat': No such thing."]
    assert [doubt.kind for doubt in arm_doubts(rest)] == ["left-out"]


PLACES: dict[AddressKind, Path | None] = {"tmpfs": Path("/dev/shm"), "directory": Path("/var/tmp")}


def no_bridges(settings: Settings) -> Iterator[str]:
    if settings.network != "host":
        yield f"There is no {settings.network}."


def test_what_a_machine_lacks_is_left_out_as_long_as_something_can_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "rung_problems", no_bridges)
    assert without_unavailable_arms(read(LADDER), PLACES) == read(LADDER)
    two = read(LADDER + '[arms.uds]\ntransport = "uds-tmpfs"\n')
    rest = without_unavailable_arms(two, PLACES)
    assert names(rest) == ["host", "uds", "control"]
    assert rest.left_out["nat"] == "There is no nat."


def test_the_control_alone_is_no_comparison_so_such_a_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "rung_problems", no_bridges)
    two_pairs = read(f'{LADDER}[arms.two]\nworkers = 2\n[design]\npairs = [["bridge", "host"], ["nat", "two"]]')
    assert without_unavailable_arms(two_pairs, PLACES) == two_pairs
    assert comparison_problems(two_pairs, PLACES) == [
        "Arm 'bridge': There is no bridge.",
        "Arm 'bridge-nf': There is no bridge-nf.",
        "Arm 'nat': There is no nat.",
        "Without these arms, nothing is left to compare.",
    ]
    assert comparison_problems(two_pairs, PLACES, tries_rungs=False) == []
    third = read(f'{LADDER}[arms.two]\nworkers = 2\n[design]\npairs = [["bridge", "host"], ["two", "host"]]')
    assert comparison_problems(third, PLACES) == []
    assert without_unavailable_arms(third, PLACES).pairs == (("control", "host"), ("two", "host"))


def test_a_reference_that_is_not_there_is_named_once_and_not_as_the_control(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "rung_problems", no_bridges)
    two = read('[arms.nat]\nnetwork = "nat"\n[arms.host]\n')
    assert comparison_problems(two, PLACES)[0] == "Arm 'nat': There is no nat."


def test_a_screen_runs_only_with_all_its_arms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "rung_problems", no_bridges)
    screen = read('[factors]\nnetwork = ["host", "nat"]\nworkers = [1, 2]\n[design]\nscreen = "factorial"')
    assert without_unavailable_arms(screen, PLACES) == screen
    assert comparison_problems(screen, PLACES)[-1] == "A screen needs all its arms."


def test_a_transport_without_a_place_is_left_out_like_a_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "rung_problems", lambda _settings: iter(()))
    three = read('[arms.tcp]\n[arms.tmpfs]\ntransport = "uds-tmpfs"\n[arms.disk]\ntransport = "uds-dir"\n')
    rest = without_unavailable_arms(three, {**PLACES, "tmpfs": None})
    assert names(rest) == ["tcp", "disk", "control"]
    assert rest.left_out["tmpfs"].startswith("uds-tmpfs needs a writable directory with free space on tmpfs")
    assert "mount -t tmpfs" in rest.left_out["tmpfs"]
    two = read('[arms.tcp]\n[arms.tmpfs]\ntransport = "uds-tmpfs"\n')
    assert without_unavailable_arms(two, {**PLACES, "tmpfs": None}) == two


@pytest.mark.parametrize("transport", ["tcp6", "tcp-alias", "tcp-sockmap", "mptcp"])
def test_an_address_of_the_loopback_interface_excludes_rungs_with_addresses_of_their_own(transport: str) -> None:
    text = f'[arm]\ntransport = "{transport}"\n[factors]\nnetwork = ["host", "own", "conntrack", "veth", "relay"]'
    sentences = refusals(text)
    assert [sentence.partition(":")[0] for sentence in sentences] == ["Arm 'veth'", "Arm 'relay'"]
    assert sentences[0].endswith(
        f'transport = "{transport}" excludes network = "veth", which has addresses of its own. Set transport to '
        '"tcp" there.'
    )
    assert len(names(read(f"{text}\nnetwork_leg = ['front']\n"))) == 6
