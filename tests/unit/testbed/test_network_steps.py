"""Network rungs as data: each stands on the one below, and all of them can be typed by hand."""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import pytest

from harness import plugins
from harness.experiment.transports import network_rungs
from harness.model import AddressKind, Arm, Settings
from harness.model.plugins import (
    NAMESPACE_PLACES,
    Bridge,
    ConntrackFilter,
    NamespacePlace,
    NetworkRung,
    PortMapping,
    PortRelay,
    SysctlValue,
    VethPair,
)
from harness.observe.proof import links_on_path, path_problems
from harness.testbed.hop_addresses import Addresses, addresses_of, relay_argv
from harness.testbed.network.build import building_commands, network_path_of

DATA = Path(__file__).parents[2] / "data/rungs"
UPWARDS = tuple(network_rungs())
PARENTS: Mapping[AddressKind, Path | None] = {"tmpfs": Path("/dev/shm"), "directory": Path("/var/tmp")}


def settings(network: str, **others: object) -> Settings:
    return Settings.model_validate({"network": network, **others})


def names(network: str) -> dict[NamespacePlace, str]:
    return {place: f"x-{place}" for place in network_path_of(settings(network)).places}


def routes(network: str, **others: object) -> Addresses:
    wanted = settings(network, **others)
    arms = [Arm(name=name, settings=wanted.model_copy(update={"transport": name})) for name in ("tcp", "uds-tmpfs")]
    return addresses_of(arms, PARENTS, None, iter(count(8001)), network_path_of(wanted))


def test_each_rung_stands_on_the_one_below() -> None:
    rungs = plugins.table(NetworkRung)
    assert [name for name, rung in rungs.items() if not rung.below] == ["host"]
    assert {rung.below for rung in rungs.values()} - {""} <= rungs.keys()
    assert all(rung.stands_for for rung in rungs.values())


@pytest.mark.parametrize(
    ("below", "above"), [(rung.below, name) for name, rung in plugins.table(NetworkRung).items() if rung.below]
)
def test_a_rung_has_all_that_the_one_below_adds(below: str, above: str) -> None:
    under, over = network_path_of(settings(below)), network_path_of(settings(above))
    assert set(under.places) <= set(over.places)
    assert len(over.places) + len(over.steps) > len(under.places) + len(under.steps)
    added = [step for step in under.steps if isinstance(step, ConntrackFilter | PortMapping)]
    assert [step for step in over.steps if step in added] == added


def test_a_bridge_takes_the_place_of_the_direct_link() -> None:
    pairs = [step for step in network_path_of(settings("nat")).steps if isinstance(step, VethPair)]
    assert [(pair.place, pair.peer_place) for pair in pairs] == [("near", "middle"), ("far", "middle")]


@pytest.mark.parametrize("network", UPWARDS)
def test_every_step_finds_its_place_and_its_links(network: str) -> None:
    way = network_path_of(settings(network))
    assert way.places == tuple(place for place in NAMESPACE_PLACES if place in way.places)
    links = {"lo"}
    for step in way.steps:
        assert step.place in way.places
        if isinstance(step, VethPair):
            links |= {step.name, step.peer}
        elif isinstance(step, Bridge):
            assert links.issuperset(step.ports)
            links.add(step.name)
        else:
            assert getattr(step, "link", "lo") in links


def test_a_value_that_a_kernel_lacks_is_missed_on_its_own_rung_only() -> None:
    def missed(network: str) -> list[bool]:
        steps = network_path_of(settings(network)).steps
        return [step.optional for step in steps if isinstance(step, SysctlValue) and step.text == "1"]

    assert missed("bridge-nf") == [False]
    assert missed("nat") == [True, False]


@pytest.mark.parametrize("network", UPWARDS[1:])
def test_only_the_hop_moves(network: str) -> None:
    found = routes(network)
    assert {target.host for target in found.targets.values()} == {"127.0.0.1"}
    assert found.hops["uds-tmpfs"].address == found.hops["uds-tmpfs"].server.removeprefix("unix:")
    away = {"nat": "10.213.0.1", "relay": "10.213.0.1"}.get(network, found.hops["tcp"].address.partition(":")[0])
    assert found.hops["tcp"].server == f"{away}:8001"


def test_where_the_app_listens_and_where_it_is_asked() -> None:
    for network in UPWARDS:
        hosts = {True: "10.213.0.3", False: "127.0.0.1"}
        assert (
            routes(network).hops["tcp"].address == f"{hosts['far' in network_path_of(settings(network)).places]}:8001"
        )


def test_in_front_the_same_lies_between_client_and_nginx() -> None:
    found = routes("nat", network_leg="front")
    assert found.targets["tcp"].url == "http://10.213.0.1:8002/"
    assert found.hops["tcp"].server == "127.0.0.1:8001"


@pytest.mark.parametrize("network", UPWARDS[1:])
def test_the_commands_of_a_rung(network: str, golden: Callable[[Path, str], None]) -> None:
    commands = building_commands(network_path_of(settings(network)), names(network), [8000])
    golden(DATA / f"{network}.sh", "\n".join(commands) + "\n")


def test_a_relay_stands_before_every_port() -> None:
    argv = relay_argv(PortRelay("middle", "10.0.0.1", "10.0.0.3"), [80, 81])
    assert argv[-4:] == ("10.0.0.1:80", "10.0.0.3:80", "10.0.0.1:81", "10.0.0.3:81")


def test_packets_prove_each_link_and_entries_each_tracking_filter() -> None:
    way = network_path_of(settings("nat"))
    assert links_on_path(way) == ["near hop0", "middle to-near", "far hop0", "middle to-far"]
    grown = dict.fromkeys(links_on_path(way), 5)
    assert list(path_problems(way, grown, {"near": 1, "middle": None, "far": 0})) == []
    [no_packet, no_entry] = path_problems(way, grown | {"far hop0": 0}, {"near": 1, "middle": 0, "far": 0})
    assert "far hop0 received no packet" in no_packet
    assert "tracks no connection in middle" in no_entry
    assert links_on_path(network_path_of(settings("own"))) == ["near lo"]
