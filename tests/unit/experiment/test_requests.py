"""Requests that cannot be sent are refused at their place in the file; all others reach the arms as written."""

from typing import Any

import pytest

from harness.experiment.constraints import arm_problems
from harness.model import Arm, Settings
from tests.support.experiment_files import TWO_ARMS, arms, read, refusal


@pytest.mark.parametrize("host", ["localhost", "shop.example:8000", "127.0.0.1", "[::1]:80", "a_b", "example.org."])
def test_a_host_is_a_name_or_an_address_with_or_without_a_port(host: str) -> None:
    assert arms(read(f'[arm]\nhost = "{host}"\n{TWO_ARMS}'))["tcp"].settings.host == host


@pytest.mark.parametrize("host", ["a b", "http://a", "a/b", "a:b", "ä.example", "-", "a" * 300])
def test_what_is_no_host_is_refused(host: str) -> None:
    assert "must be a host name or an address, perhaps with a port" in refusal(f'[arm]\nhost = "{host}"\n{TWO_ARMS}')


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("X-A", "a\\r\\nEvil: 1", "has U+000D"),
        ("X-A", "a\\u0000b", "has U+0000"),
        ("X-A", " a", "without blanks at its ends"),
        ("X-A", "ä", "visible ASCII"),
        ("X_A", "a", "nginx drops others"),
        ("X A", "a", "nginx drops others"),
        ("", "a", "nginx drops others"),
        ("Host", "a", "Set host instead."),
        ("connection", "close", "Set client_keepalive instead."),
        ("Content-Length", "3", "it is set to the length of body"),
        ("Transfer-Encoding", "chunked", "body is sent with its length"),
        ("X-Long", "y" * 60_000, "servers accept at most 48000 here"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(name: str, value: str, words: str) -> None:
    assert words in refusal(f'[arm.headers]\n"{name}" = "{value}"\n{TWO_ARMS}')


def test_one_header_by_two_spellings_is_refused() -> None:
    assert "'x-a' is given twice" in refusal(f'[arm.headers]\nX-A = "1"\nx-a = "2"\n{TWO_ARMS}')


def test_headers_of_an_arm_come_on_top_of_those_of_all() -> None:
    found = arms(read('[arm.headers]\nA = "1"\nB = "1"\n[arms.one]\n[arms.two.headers]\nB = "2"'))
    assert (found["one"].settings.headers, found["two"].settings.headers) == (
        {"A": "1", "B": "1"},
        {"A": "1", "B": "2"},
    )


def test_headers_and_methods_can_be_set_on_the_command_line() -> None:
    experiment = read(TWO_ARMS, "arm.method=POST", "arm.headers.X-A=Bearer b", 'arm.body={"a": 1}')
    settings = arms(experiment)["tcp"].settings
    assert (settings.method, settings.headers, settings.body) == ("POST", {"X-A": "Bearer b"}, '{"a": 1}')


def test_a_body_may_have_several_lines() -> None:
    found = arms(read(f'[arm]\nmethod = "POST"\nbody = "a,b\\r\\n1,\\t2\\n"\n{TWO_ARMS}'))
    assert found["tcp"].settings.body == "a,b\r\n1,\t2\n"


def test_a_method_that_is_not_known_is_refused_with_those_that_are() -> None:
    assert '"GET"' in refusal(f'[arm]\nmethod = "HEAD"\n{TWO_ARMS}')


def test_a_url_can_be_asked_in_any_way() -> None:
    asked = 'method = "POST"\nhost = "a.example"\nbody = "x"\nheaders = { X-A = "1" }'
    assert arms(read(f'[arms.a]\n[arms.b]\nurl = "http://127.0.0.1:1/"\n{asked}'))["b"].settings.host == "a.example"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"body": "x"}, 'excludes method = "GET"'),
        ({"body": "x", "method": "POST", "chain": "floor"}, 'excludes chain = "floor"'),
        ({"threads": 2}, "only gunicorn's gthread worker has threads"),
        ({"tool": "ab", "headers": {"A": "y" * 8000}}, 'tool = "ab" excludes headers'),
        ({"tool": "hey", "headers": {"user-agent": "a"}}, "hey sends its own"),
    ],
)
def test_requests_that_exclude_other_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    [problem] = arm_problems([Arm(name="a", settings=Settings.model_validate(settings))])
    assert words in problem
