"""nginx.conf to the letter, so that a change of any setting is seen by whoever reviews it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.lab.nginx import Site, nginx_argv, nginx_conf
from harness.lab.programs import Nginx

DATA = Path(__file__).parents[2] / "data/lab"
SCRATCH = Path("/var/tmp/barehop-01234567")
SOCKET = "unix:/dev/shm/barehop-89abcdef/hop.sock"


def site(number: int = 0, server: str = "127.0.0.1:12000", keepalive: int = 0, tls: bool = False) -> Site:
    return Site(
        arm=f"arm-{number}",
        upstream=f"hop_{number:02}",
        server=server,
        port=13_000 + number,
        path="/bytes/100?x=1",
        keepalive=keepalive,
        tls=tls,
    )


def nginx(*version: int) -> Nginx:
    return Nginx(path="/usr/sbin/nginx", version=version, tls=True)


@pytest.mark.parametrize(
    ("name", "version", "sites", "user"),
    [
        ("nginx-1.22", (1, 22, 1), [site(), site(1, SOCKET)], ""),
        ("nginx-1.29.7", (1, 29, 7), [site(), site(1, SOCKET)], ""),
        ("nginx-keepalive", (1, 29, 7), [site(keepalive=16), site(1, SOCKET, keepalive=16)], ""),
        ("nginx-tls", (1, 22, 1), [site(tls=True), site(1, SOCKET)], ""),
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


def test_a_name_of_two_lines_stays_in_its_comment() -> None:
    odd = Site(arm="a\n}\r\nb", upstream="hop_00", server="127.0.0.1:1", port=2, path="/", keepalive=0, tls=False)
    assert "    # arm a } b\n" in nginx_conf(nginx(1, 22, 1), [odd], SCRATCH, "")


def test_the_first_error_log_is_named_where_nginx_lets_us() -> None:
    conf = Path("/results/nginx.conf")
    rest = ("-p", f"{SCRATCH}/", "-c", "/results/nginx.conf")
    assert nginx_argv(nginx(1, 19, 4), conf, SCRATCH) == ("/usr/sbin/nginx", *rest)
    assert nginx_argv(nginx(1, 19, 5), conf, SCRATCH) == ("/usr/sbin/nginx", "-e", "stderr", *rest)
