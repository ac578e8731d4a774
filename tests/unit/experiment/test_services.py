"""Arms that ask an already running service: what a url may be, and what cannot stand beside it."""

from pathlib import Path

import pytest

from harness.model.http import Target, parse_url
from tests.support.experiment_files import arms, read, refusal, refusals

BARE = "[arms.bare]\n"
DOCKER = '[arms.docker]\nurl = "http://127.0.0.1:8080/"\n'


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("http://127.0.0.1:8080/", Target("127.0.0.1", 8080, "/")),
        ("http://localhost", Target("localhost", 80, "/")),
        ("https://example.org/a/b?c=1", Target("example.org", 443, "/a/b?c=1", tls=True)),
        ("http://[::1]:81/x", Target("::1", 81, "/x")),
        ("http+unix://%2Frun%2Fapp.sock/p?q=1", Target("localhost", 0, "/p?q=1", socket=Path("/run/app.sock"))),
    ],
)
def test_a_url_says_whom_to_ask_for_what(text: str, target: Target) -> None:
    assert parse_url(text) == target


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("127.0.0.1:8080", "must begin with http://"),
        ("ftp://127.0.0.1/", "must begin with http://"),
        ("http://", "must name a host"),
        ("http:///path", "must name a host"),
        ("http://user:secret@host/", "must name a host"),
        ("http://[::1/", "is no url"),
        ("http://[fe80::1%25lo]/", "must name a host"),
        ("http://host:0/", "from 1 to 65535"),
        ("http://host:65536/", "from 1 to 65535"),
        ("http://host:http/", "from 1 to 65535"),
        ("http://host/#top", "cannot be requested as a path"),
        ("http://host/{x}", "cannot be requested as a path"),
        ("http://host/a b", "only visible ASCII characters"),
        ("http://h\u00f6st/", "xn--"),
        ("http://host/\n", "only visible ASCII characters"),
        ("http+unix://run/app.sock", "%2F for each slash"),
        (f"http+unix://{'%2Fabcdefgh' * 12}.sock/", "107 bytes"),
    ],
)
def test_a_url_that_names_no_service_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_url(text)


def test_an_arm_may_ask_a_running_service() -> None:
    docker = arms(read(BARE + DOCKER))["docker"].settings
    assert (docker.url, docker.pids, docker.cgroup) == ("http://127.0.0.1:8080/", (), "")


def test_a_wrong_url_is_told_at_its_place() -> None:
    assert refusal(f'{BARE}[arms.docker]\nurl = "udp://x/"') == (
        'arms.docker.url = "udp://x/": must begin with http://, https:// or http+unix://.'
    )


def test_what_a_url_excludes_is_told_all_at_once_each_at_its_place() -> None:
    text = f"""
        [arm]
        workers = 2
        tls = true
        knobs = {{ "net.ipv4.tcp_sack" = 0 }}
        {BARE}
        {DOCKER}
        transport = "uds-dir"
        path = "/x"
        upstream_keepalive = 4
        processes = "separate"
        [factors]
        worker_class = ["uvicorn", "asgi"]
    """
    assert [sentence.partition(":")[0] for sentence in refusals(text)] == [
        "arm.workers = 2",
        "arm.tls = true",
        'arm.knobs = { "net.ipv4.tcp_sack" = 0 }',
        'arms.docker.transport = "uds-dir"',
        'arms.docker.path = "/x"',
        "arms.docker.upstream_keepalive = 4",
        'arms.docker.processes = "separate"',
        'factors.worker_class[1] = "asgi"',
    ]


def test_how_a_service_is_asked_may_be_set() -> None:
    lines = 'connections = 4\nclient_keepalive = true\ntimeout_s = 2\nplacement = "split"\npids = [1, 2]\nstart = "up"'
    docker = arms(read(BARE + DOCKER + lines))["docker"].settings
    assert (docker.connections, docker.pids, docker.start) == (4, (1, 2), "up")


@pytest.mark.parametrize("line", ['authority = "ca.pem"', "pids = [1]", 'cgroup = "/x"', 'start = "docker start x"'])
def test_what_is_of_a_service_needs_its_url(line: str) -> None:
    assert refusal(f"{DOCKER}{BARE}{line}") == (
        f"arms.bare.{line}: is only for a service that is already running: give the arm a url, or leave it out."
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('url = "http+unix://%2Fx/"\ntool = "ab"', "does not support Unix sockets"),
        ('url = "http://x/"\nauthority = "ca.pem"', "which only https needs"),
        ('url = "http://x/"\npids = [1]\ncgroup = "x"', "Keep one of them"),
    ],
)
def test_settings_of_a_service_that_exclude_each_other(lines: str, words: str) -> None:
    assert words in refusal(f"{BARE}[arms.docker]\n{lines}")


def test_a_certificate_is_found_from_another_directory_too() -> None:
    lines = 'url = "https://localhost:8443/"\nauthority = "ca.pem"'
    assert Path(arms(read(f"{BARE}[arms.docker]\n{lines}"))["docker"].settings.authority).is_absolute()


def test_pairs_say_what_is_compared_with_what() -> None:
    design = '[design]\npairs = [["docker", "bare"], ["other", "docker"], ["other", "bare"]]'
    experiment = read(f"{BARE}{DOCKER}[arms.other]\nworkers = 2\n{design}")
    assert experiment.pairs == (("control", "bare"), ("docker", "bare"), ("other", "docker"), ("other", "bare"))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('pairs = [["docker", "bear"]]', "Did you mean 'bare'?"),
        ('pairs = [["docker"]]', "write two different arms"),
        ('pairs = [["bare", "bare"]]', "write two different arms"),
        ('pairs = [["docker", "bare"], ["docker", "bare"]]', "each pair once"),
        ('pairs = [["docker", "bare"]]\nagainst = "bare"', "Keep one of them"),
        ('pairs = ["docker", "bare"]', "must be a list"),
        ('pairs = [["docker", "bare"], ["bare", "docker"]]', "a circle: docker -> bare -> docker. Turn one"),
    ],
)
def test_pairs_that_are_none_are_refused(lines: str, words: str) -> None:
    assert words in " ".join(refusals(f"{BARE}{DOCKER}[design]\n{lines}"))
