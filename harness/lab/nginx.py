"""nginx's configuration for a stack: one server and one upstream an arm; defaults that change are written out."""

import math
import os
import pwd
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.experiment.limits import sized
from harness.experiment.requests import header_bytes
from harness.lab.certificate import CHAIN_AND_KEY
from harness.lab.programs import Nginx
from harness.model import Settings
from harness.model.rungs import LOOPBACK

JSON = '{"hello":"world","utcnow":"2021-12-27T00:31:42.383861","random":0.5352573557347882}'
CHECK_PATH = "/barehop-check"
CHECK_HEADER = "X-Barehop-Upstream"
HEAD_KB, BODY_KB, ANSWER_KB = 8, 16, 4  # nginx's default buffers
READ_TIMEOUT_S = 30
FILES = 8192  # default limit of open files of a worker
LONGER_THAN_CLIENT_S = 5  # so that the client's timeout comes first


@dataclass(frozen=True, slots=True)
class Site:
    """What nginx does for one arm: listen on `listens`:`port`, pass `path` on to `server`, or answer with `body`.

    `head_kb` and `body_kb` are buffers for the client's request, `answer_kb` those for the server's answer.
    """

    arm: str
    upstream: str
    server: str
    port: int
    path: str
    keepalive: int
    tls: bool
    body: str | None = None
    listens: str = LOOPBACK
    head_kb: int = HEAD_KB
    body_kb: int = BODY_KB
    answer_kb: int = ANSWER_KB
    read_timeout_s: int = READ_TIMEOUT_S


def nginx_conf(nginx: Nginx, sites: Sequence[Site], scratch: Path, user: str, files: int = FILES) -> str:
    """Return the text of nginx.conf. Temporary files go to `scratch`; workers run as `user` unless it is "".

    `files` is the number of files a worker may need, connections and listening sockets among them.
    """
    environment = Environment(
        loader=PackageLoader("harness.lab"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML, and the values have been checked
    )
    return environment.get_template("nginx.conf.j2").render(
        version=".".join(map(str, nginx.version)),
        version_tuple=nginx.version,
        nginx=nginx,
        usual_kb={"head": HEAD_KB, "body": BODY_KB, "answer": ANSWER_KB},
        usual_timeout_s=READ_TIMEOUT_S,
        files=files,
        usual_files=FILES,
        user=user,
        scratch=scratch,
        tls=any(site.tls for site in sites),
        certificate=CHAIN_AND_KEY,
        sites=sites,
        check_path=CHECK_PATH,
        check_header=CHECK_HEADER,
    )


def head_kb(settings: Settings) -> int:
    """Return the buffer size for the longest line of a request."""
    return max(HEAD_KB, _kib(header_bytes(settings) + len(settings.path)) + 1)


def body_kb(settings: Settings) -> int:
    """Return the buffer size that keeps a request's body in memory."""
    return max(BODY_KB, _kib(len(settings.body.encode())))


def read_timeout_s(settings: Settings) -> int:
    """Return nginx's timeout for the application, longer than the client's."""
    return max(READ_TIMEOUT_S, math.ceil(settings.timeout_s) + LONGER_THAN_CLIENT_S)


def build_problems(nginx: Nginx, settings: Settings) -> Iterator[str]:
    """Yield why this build of nginx cannot serve an arm with `settings`."""
    if settings.tls and not nginx.tls:
        yield f"{settings.nginx} was built without TLS. Set tls = false, or name another nginx."
    if settings.chain == "full" and not nginx.has("proxy"):
        yield (
            f"{settings.nginx} was built without its proxy module, so it cannot ask an application. Name another "
            'nginx, or set chain to "proxy-only" or "app-direct".'
        )
    if settings.chain == "proxy-only" and not nginx.has("rewrite"):
        yield (
            f"{settings.nginx} was built without its rewrite module, so it cannot answer by itself. Name another nginx."
        )
    if settings.upstream_keepalive and not nginx.has("upstream_keepalive"):
        yield (
            f"{settings.nginx} was built without its upstream_keepalive module. Set upstream_keepalive to 0, or name "
            "another nginx."
        )


def _kib(size_bytes: int) -> int:
    return math.ceil(size_bytes / 1024)


def body_of(path: str) -> str:
    """Return the body that nginx sends itself: as many bytes as /bytes/100 asks for, else the ordinary JSON."""
    size = sized(path)
    return JSON if size is None else "x" * size


def nginx_argv(nginx: Nginx, conf: Path, scratch: Path) -> tuple[str, ...]:
    """Return nginx's command line. Since 1.19.5, -e sets the log of errors that precede the configuration."""
    log = ("-e", "stderr") if nginx.version >= (1, 19, 5) else ()
    return (nginx.path, *log, "-p", f"{scratch}/", "-c", str(conf))


def worker_user() -> str:
    """Return root's name for root, which owns the sockets, since "nobody" could not reach them; "" for other users."""
    return pwd.getpwuid(0).pw_name if os.geteuid() == 0 else ""
