"""Arms against the rung below: which that is, what makes no sense, and what is left when rungs are left out."""

from hypothesis import given
from hypothesis import strategies as st

from harness import plugins
from harness.experiment.pairs import has_rung, lower_arm
from harness.experiment.transports import network_rungs as rungs
from harness.model import Arm, NetworkRung, SandboxRung, Settings
from tests.support.experiment_files import read, refusal, refusals
from tests.support.ladder_experiments import NETWORKS, climbing, networks, whole_ladder

BELOW = '[design]\nagainst = "below"'


def test_the_rungs_stand_on_each_other_from_the_host_up() -> None:
    in_order = ["host", "own", "conntrack", "veth", "bridge", "bridge-nf", "nat", "relay"]
    assert [rung for rung in rungs() if rung in in_order] == in_order
    for rung in rungs()[1:]:
        assert rungs().index(plugins.load(NetworkRung, rung).below) < rungs().index(rung)
    assert {"cgroup", "mounts", "namespaces", "seccomp", "ssbd", "user"} <= set(plugins.names(SandboxRung))


def test_each_arm_is_compared_with_the_one_a_rung_lower_over_the_same_transport() -> None:
    pairs = dict(whole_ladder().pairs)
    assert pairs == {
        "control": "host/tcp",
        **{
            f"{arm}/{transport}": f"{against}/{transport}"
            for transport in ("tcp", "uds-tmpfs")
            for arm, against in {
                "own": "host",
                "veth": "own",  # there is no arm on conntrack
                "bridge": "veth",
                "nat": "bridge",  # nor on bridge-nf
                "relay": "nat",
                "cgroup": "host",
                "seccomp": "host",
                "all": "host",
            }.items()
        },
    }


def test_one_sandbox_rung_is_compared_with_the_same_network_without_it() -> None:
    experiment = climbing({**networks("host", "veth"), "safe": {"network": "veth", "sandbox": ["seccomp"]}}, ["tcp"])
    assert dict(experiment.pairs)["safe/tcp"] == "veth/tcp"


def test_on_the_network_of_the_host_a_leg_makes_no_difference() -> None:
    text = f'[factors]\nnetwork = ["host", "veth"]\nnetwork_leg = ["front", "hop"]\n{BELOW}\ncontrol = false'
    assert read(text).pairs == (("veth/front", "host/front"), ("veth/hop", "host/front"))


def test_arms_of_other_settings_have_ladders_of_their_own() -> None:
    text = f'[factors]\nnetwork = ["host", "nat"]\nworkers = [1, 2]\n{BELOW}\ncontrol = false'
    assert read(text).pairs == (("nat/1", "host/1"), ("nat/2", "host/2"))


def test_what_makes_no_sense_is_refused_at_its_place() -> None:
    assert refusal(f"[arms.a]\n[arms.b]\nworkers = 2\n{BELOW}") == (
        'design.against = "below": no arm is on a rung. Give arms a network or a sandbox, like network = "veth", '
        "or name an arm."
    )
    lonely = '[arms.a]\nnetwork = "veth"\n[arms.b]\nsandbox = ["user"]\nnetwork = "nat"\n'
    assert refusals(f"{lonely}{BELOW}") == [
        'design.against = "below": there is no rung below \'a\': no arm with network = "host" has the same other '
        "settings. Add it, or name an arm.",
        'design.against = "below": there is no rung below \'b\': no arm with network = "nat" and no sandbox has the '
        "same other settings. Add it, or name an arm.",
    ]
    assert refusal(f'[arms.a]\n[arms.below]\nnetwork = "own"\n{BELOW}') == (
        'design.against = "below": this means the rung below each arm. Rename the arm of that name.'
    )


def test_rungs_that_do_not_exist_are_refused_as_levels_too() -> None:
    assert refusals('[factors]\nnetwork = ["host", "brigde"]\nsandbox = [[], ["usr"]]') == [
        "factors.network[1] = \"brigde\": there is no such rung. Did you mean 'bridge'?",
        'factors.sandbox[1] = ["usr"]: there is no such rung as "usr". Did you mean \'user\'?',
    ]


@given(
    st.lists(st.sampled_from(rungs()[1:]), unique=True),
    st.sets(st.sampled_from(plugins.names(SandboxRung)), max_size=3),
)
def test_who_climbs_down_comes_to_the_bottom(above: list[str], sandbox: set[str]) -> None:
    arms = [Arm(name=rung, settings=Settings(network=rung)) for rung in ["host", *above]]
    arms.append(Arm(name="safe", settings=Settings(network=above[0] if above else "host", sandbox=tuple(sandbox))))
    for arm in arms:
        lower, steps = arm, 0
        while has_rung(lower.settings):
            found = lower_arm(lower, arms)
            assert found is not None
            lower, steps = found, steps + 1
        assert lower.name == "host" or not sandbox
        assert steps <= len(NETWORKS) + 4
