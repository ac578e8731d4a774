"""Of the environment that is recorded which changes servers, in values that name no person and no secret."""

import pytest

from harness.observe.host.serving import disturbing_variables, environment_facts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONASYNCIODEBUG", "1"),
        ("MALLOC_ARENA_MAX", "2"),
        ("LD_PRELOAD", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"),
        ("GLIBC_TUNABLES", "glibc.malloc.arena_max=2"),
        ("TZ", "Europe/Berlin"),
        ("LC_ALL", "C.UTF-8"),
        ("DJANGO_SETTINGS_MODULE", "shop.settings"),
        ("FLASK_DEBUG", "1"),
        ("PYTHONDEVMODE", ""),
    ],
)
def test_a_value_that_names_nobody_is_recorded_as_it_is(name: str, value: str) -> None:
    assert environment_facts({name: value}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONPATH", "/home/alice/src"),
        ("LD_PRELOAD", "/home/alice/libfast.so"),
        ("LD_LIBRARY_PATH", "/usr/lib:/home/alice/lib"),
        ("DJANGO_SECRET_KEY", "hunter2"),
        ("APP_SECRET", "1234"),
        ("SENTRY_DSN", "https://key@errors.example/1"),
        ("FLASK_OWNER", "alice"),
        ("SSL_CERT_FILE", "/root/ca.pem"),
        ("OPENSSL_CONF", "relative/alice.cnf"),
    ],
)
def test_a_value_that_could_name_somebody_is_a_hash_that_still_tells_two_apart(name: str, value: str) -> None:
    recorded, other = environment_facts({name: value})[name], environment_facts({name: f"{value}x"})[name]
    assert recorded.startswith("sha256:")
    assert value not in recorded
    assert recorded == environment_facts({name: value})[name] != other


def test_what_changes_no_server_is_not_recorded() -> None:
    assert environment_facts({"HOME": "/home/alice", "USER": "alice", "SSH_CLIENT": "10.0.0.1", "EDITOR": "vi"}) == {}


def test_variables_that_slow_servers_down_are_named_and_those_that_are_off_are_not() -> None:
    found = dict(
        disturbing_variables(
            {"PYTHONDEVMODE": "1", "LD_PRELOAD": "/x.so", "PYTHONMALLOC": "debug", "MALLOC_CHECK_": "3"}
        )
    )
    assert found.keys() == {"PYTHONDEVMODE", "LD_PRELOAD", "PYTHONMALLOC", "MALLOC_CHECK_"}
    off = {"PYTHONDEVMODE": "", "MALLOC_CHECK_": "0", "PYTHONMALLOC": "pymalloc", "MALLOC_ARENA_MAX": "2"}
    assert list(disturbing_variables(off)) == []
