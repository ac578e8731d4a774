"""Who is served by the same processes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.arms import app_settings_key, services_of, stacks_of
from harness.model import Arm, Design, Experiment, Settings
from harness.model.settings import ProcessSettings
from tests.support.experiment_files import read


def groups(experiment: Experiment) -> list[list[str]]:
    return [[arm.name for arm in arms] for arms in stacks_of(experiment)]


def test_arms_that_differ_on_the_hop_only_share_their_processes_with_the_control() -> None:
    factors = '[factors]\ntransport = ["tcp", "uds-dir"]\nupstream_keepalive = [0, 16]'
    assert groups(read(factors)) == [["tcp/0", "tcp/16", "uds-dir/0", "uds-dir/16", "control"]]


def test_arms_that_differ_in_the_processes_have_some_of_their_own() -> None:
    factors = '[factors]\nworkers = [1, 2]\ntransport = ["tcp", "uds-dir"]\n[design]\nagainst = "2/tcp"'
    assert groups(read(factors)) == [["1/tcp", "1/uds-dir"], ["2/tcp", "2/uds-dir", "control"]]


def test_a_transport_with_sockets_of_its_own_has_an_nginx_of_its_own_and_the_same_gunicorn() -> None:
    text = '[factors]\ntransport = ["tcp", "mptcp", "uds-dir"]\n[arm]\ncpu_quota = {}'
    shared, limited = (read(text.format(quota)) for quota in (0, 0.5))
    assert groups(shared) == groups(limited) == [["tcp", "uds-dir", "control"], ["mptcp"]]
    assert len({app_settings_key(arm, shared.design) for arm in shared.arms}) == 1
    assert len({app_settings_key(arm, limited.design) for arm in limited.arms}) == 2


def test_separate_processes_are_never_shared() -> None:
    factors = '[factors]\ntransport = ["tcp", "uds-dir"]\n[design]\nprocesses = "separate"'
    assert groups(read(factors)) == [["tcp"], ["uds-dir"], ["control"]]


def test_arms_may_ask_for_processes_of_their_own_or_for_the_opposite_order() -> None:
    factors = '[factors]\nprocesses = ["shared", "swapped", "separate"]\ntransport = ["tcp", "uds-dir"]'
    assert groups(read(f'{factors}\n[design]\nagainst = {{ transport = "tcp" }}')) == [
        ["shared/tcp", "shared/uds-dir", "control"],
        ["swapped/uds-dir", "swapped/tcp"],
        ["separate/tcp"],
        ["separate/uds-dir"],
    ]


def test_an_arm_with_a_url_has_no_stack() -> None:
    experiment = read('[arms.bare]\n[arms.docker]\nurl = "http://127.0.0.1:8080/"')
    assert groups(experiment) == [["bare", "control"]]
    assert [arm.name for arm in services_of(experiment)] == ["docker"]


OTHER_VALUES = {
    "transport": "uds-dir",
    "chain": "app-direct",
    "upstream_keepalive": 1,
    "app": "app.wsgi:app",
    "app_dir": "/srv",
    "server": "uvicorn",
    "command": "serve {bind}",
    "worker_class": "asgi",
    "workers": 2,
    "threads": 2,
    "start_timeout_s": 40.0,
    "proxy_buffer_kb": 32,
    "method": "POST",
    "host": "example.org",
    "headers": {"Accept": "text/html"},
    "body": "{}",
    "nginx": "/usr/sbin/nginx",
    "python": "/usr/bin/python3",
    "tls": True,
    "protocol": "http/1.1",
    "hop_tls": "full",
    "path": "/x",
    "connections": 2,
    "rate": 100.0,
    "p99_limit_ms": 5.0,
    "timeout_s": 1.0,
    "client_keepalive": True,
    "placement": "none",
    "network": "veth",
    "network_leg": "front",
    "sandbox": ("cgroup",),
    "cpu_quota": 1.0,
    "knobs": {"net.ipv4.tcp_sack": 0},
    "processes": "swapped",
    "authority": "ca.pem",
    "pids": (1,),
    "cgroup": "/sys/fs/cgroup/x",
    "start": "docker compose up",
    "tool": "ab",
    "tool_requests": 1,
    "tool_seconds": 1.0,
}
# What an nginx server, a socket of gunicorn's or the client decides for each arm by itself.
PER_ARM = {
    "transport", "chain", "upstream_keepalive", "protocol", "tls", "path", "connections", "rate", "p99_limit_ms",
    "timeout_s", "start_timeout_s", "proxy_buffer_kb", "method", "host", "headers", "body",
    "client_keepalive", "authority", "pids", "cgroup", "start", "tool", "tool_requests", "tool_seconds",
}  # fmt: skip


def two_arms(setting: str) -> Experiment:
    arms = (
        Arm(name="a", settings=Settings()),
        Arm(name="b", settings=Settings.model_validate({setting: OTHER_VALUES[setting]})),
    )
    return Experiment(name="trial", question="", arms=arms, pairs=(), design=Design())


@pytest.mark.parametrize("setting", [name for name in Settings.model_fields if name != "url"])
def test_every_setting_is_either_of_the_processes_or_of_the_arm(setting: str) -> None:
    assert (setting in (*ProcessSettings.model_fields, "hop_tls")) != (setting in PER_ARM)
    assert len(groups(two_arms(setting))) == (1 if setting in PER_ARM else 2)


@pytest.mark.parametrize("setting", list(ProcessSettings.model_fields))
def test_stacks_share_a_gunicorn_unless_its_own_processes_differ(setting: str) -> None:
    """What knobs change depends on their scope, which the machine knows."""
    first, second = (app_settings_key(arm, Design()) for arm in two_arms(setting).arms)
    assert (first == second) == (setting in {"nginx", "network", "network_leg", "knobs"})


@pytest.mark.parametrize("server", [{"server": "uvicorn"}, {"command": "serve {bind}"}], ids=["uvicorn", "command"])
def test_a_server_that_listens_on_one_address_serves_one_transport_of_one_stack(server: dict[str, str]) -> None:
    others: list[dict[str, str]] = [{}, {"transport": "uds-dir"}, {"network": "veth"}, {"path": "/b"}]
    arms = [Arm(name="a", settings=Settings.model_validate(server | other)) for other in others]
    keys = [app_settings_key(arm, Design()) for arm in arms]
    assert len(set(keys)) == 3
    assert keys[0] == keys[3]
    experiment = Experiment(name="trial", question="", arms=tuple(arms), pairs=(), design=Design())
    assert list(map(len, stacks_of(experiment))) == [2, 1, 1]


def test_servers_with_a_sockmap_serve_no_other_transport_and_one_stack() -> None:
    assert groups(read('[factors]\ntransport = ["tcp", "tcp-sockmap"]\nupstream_keepalive = [0, 16]')) == [
        ["tcp/0", "tcp/16", "control"],
        ["tcp-sockmap/0", "tcp-sockmap/16"],
    ]
    arms = [Arm(name=name, settings=Settings(network=name, transport="tcp-sockmap")) for name in ("host", "own")]
    assert len({app_settings_key(arm, Design()) for arm in arms}) == 2


def test_what_gunicorn_speaks_divides_arms_and_how_nginx_asks_does_not() -> None:
    tables: list[dict[str, object]] = [
        {"protocol": "http/1.0"},
        {"protocol": "http/1.1", "upstream_keepalive": 4},
        {"protocol": "uwsgi"},
        {"protocol": "h2c"},
        {"hop_tls": "full"},
        {"hop_tls": "resumed", "upstream_keepalive": 4},
        {"hop_tls": "full", "protocol": "uwsgi"},
    ]
    arms = tuple(Arm(name=str(n), settings=Settings.model_validate(table)) for n, table in enumerate(tables))
    experiment = Experiment(name="trial", question="", arms=arms, pairs=(), design=Design())
    assert groups(experiment) == [["0", "1"], ["2"], ["3"], ["4", "5"], ["6"]]
    assert len({app_settings_key(arm, Design()) for arm in arms}) == 5


def test_a_gunicorn_with_a_quota_serves_one_network_and_a_separate_one_its_arm_only() -> None:
    arms = [Arm(name=name, settings=Settings(network=name, cpu_quota=0.5)) for name in ("own", "veth")]
    assert len({app_settings_key(arm, Design()) for arm in arms}) == 2
    alone = [Arm(name=name, settings=Settings(network=name)) for name in ("own", "veth")]
    assert len({app_settings_key(arm, Design(processes="separate")) for arm in alone}) == 2


settings = st.fixed_dictionaries(
    {},
    optional={
        "transport": st.sampled_from(["tcp", "uds-dir"]),
        "workers": st.integers(1, 2),
        "tls": st.booleans(),
        "python": st.sampled_from(["", "python3"]),
    },
)


@given(st.lists(settings, min_size=1, max_size=12), st.sampled_from(["shared", "separate"]))
def test_stacks_are_a_partition_of_the_arms(tables: list[dict[str, object]], processes: str) -> None:
    arms = tuple(Arm(name=str(n), settings=Settings.model_validate(table)) for n, table in enumerate(tables))
    design = Design.model_validate({"processes": processes})
    stacks = stacks_of(Experiment(name="trial", question="", arms=arms, pairs=(), design=design))
    served = [arm for stack in stacks for arm in stack]
    assert sorted(served, key=lambda arm: int(arm.name)) == list(arms)
    assert all(stack for stack in stacks)
    for stack in stacks:
        assert len({(arm.settings.workers, arm.settings.python) for arm in stack}) == 1
