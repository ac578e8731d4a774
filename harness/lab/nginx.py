"""nginx's configuration for a stack: one server and one upstream for each arm, nothing left to defaults that change."""

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.experiment.limits import sized
from harness.lab.certificate import CHAIN_AND_KEY
from harness.lab.programs import Nginx
from harness.model.rungs import LOOPBACK

JSON = '{"hello":"world","utcnow":"2021-12-27T00:31:42.383861","random":0.5352573557347882}'
CHECK_PATH = "/barehop-check"
CHECK_HEADER = "X-Barehop-Upstream"


@dataclass(frozen=True, slots=True)
class Site:
    """What nginx does for one arm: listen on `port` of `listens`, pass `path` on to `server`, or answer with `body`."""

    arm: str
    upstream: str
    server: str
    port: int
    path: str
    keepalive: int
    tls: bool
    body: str | None = None
    listens: str = LOOPBACK


def nginx_conf(nginx: Nginx, sites: Sequence[Site], scratch: Path, user: str) -> str:
    """The text of nginx.conf; temporary files and the pid file go to `scratch`, workers become `user` unless ""."""
    environment = Environment(
        loader=PackageLoader("harness.lab"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - this is no HTML, and what goes in has been checked
    )
    return environment.get_template("nginx.conf.j2").render(
        version=".".join(map(str, nginx.version)),
        version_tuple=nginx.version,
        user=user,
        scratch=scratch,
        tls=any(site.tls for site in sites),
        certificate=CHAIN_AND_KEY,
        sites=sites,
        check_path=CHECK_PATH,
        check_header=CHECK_HEADER,
    )


def body_of(path: str) -> str:
    """What nginx answers in the application's place: the bytes that /bytes/100 asks for, or else its ordinary JSON."""
    size = sized(path)
    return JSON if size is None else "x" * size


def nginx_argv(nginx: Nginx, conf: Path, scratch: Path) -> tuple[str, ...]:
    """The first `error_log`, where what fails before the configuration is read would go, can be named since 1.19.5."""
    log = ("-e", "stderr") if nginx.version >= (1, 19, 5) else ()
    return (nginx.path, *log, "-p", f"{scratch}/", "-c", str(conf))


def worker_user() -> str:
    """Root's name for root, who owns the sockets: "nobody" could not reach them. Others stay who they are: ""."""
    return pwd.getpwuid(0).pw_name if os.geteuid() == 0 else ""
