"""The configuration of nginx, and its certificate."""

import math
import os
import pwd
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.model import Arm, Settings
from harness.model.http import header_bytes, requested_bytes
from harness.model.plugins import FAR_ADDRESS, GATEWAY, LOOPBACK
from harness.testbed.servers.programs import NginxBuild

DEFAULT_BODY = '{"hello":"world","utcnow":"2021-12-27T00:31:42.383861","random":0.5352573557347882}'
CHECK_PATH = "/barehop-check"
CHECK_HEADER = "X-Barehop-Upstream"
DEFAULT_HEAD_KB, DEFAULT_BODY_KB, DEFAULT_ANSWER_KB = 8, 16, 4  # nginx's default buffers
DEFAULT_READ_TIMEOUT_S = 30
DEFAULT_FILES = 8192  # default limit of open files of a worker
CLIENT_MARGIN_S = 5  # so that the client's timeout comes first
CHAIN_AND_KEY = "server.pem"


def body_kb(settings: Settings) -> int:
    """Return the buffer size that keeps a request's body in memory."""
    return max(DEFAULT_BODY_KB, math.ceil(len(settings.body.encode()) / 1024))


def head_kb(settings: Settings) -> int:
    """Return the buffer size for the longest line of a request."""
    return max(DEFAULT_HEAD_KB, math.ceil((header_bytes(settings) + len(settings.path)) / 1024) + 1)


def read_timeout_s(settings: Settings) -> int:
    """Return nginx's timeout for the application, longer than the client's."""
    return max(DEFAULT_READ_TIMEOUT_S, math.ceil(settings.timeout_s) + CLIENT_MARGIN_S)


@dataclass(frozen=True, slots=True)
class Site:
    """What nginx does for an arm: listen on the address `listens`, pass requests on to `server`, or answer itself."""

    arm: Arm
    upstream: str
    server: str
    listens: str


def nginx_conf(nginx: NginxBuild, sites: Sequence[Site], scratch: Path, user: str, files: int = DEFAULT_FILES) -> str:
    """Return the text of nginx.conf. Temporary files go to `scratch`; workers run as `user` unless it is "".

    `files` is the number of files a worker may need, connections and listening sockets among them.
    """
    environment = Environment(
        loader=PackageLoader("harness.testbed.servers"),
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
        usual_kb={"head": DEFAULT_HEAD_KB, "body": DEFAULT_BODY_KB, "answer": DEFAULT_ANSWER_KB},
        usual_timeout_s=DEFAULT_READ_TIMEOUT_S,
        files=files,
        usual_files=DEFAULT_FILES,
        user=user,
        scratch=scratch,
        tls=any(site.arm.settings.tls for site in sites),
        certificate=CHAIN_AND_KEY,
        sites=sites,
        head_kb=head_kb,
        body_kb=body_kb,
        body_of=body_of,
        read_timeout_s=read_timeout_s,
        check_path=CHECK_PATH,
        check_header=CHECK_HEADER,
    )


def build_problems(nginx: NginxBuild, settings: Settings) -> Iterator[str]:
    """Yield why this build of nginx cannot serve an arm with `settings`."""
    lacks = f"{settings.nginx} was built without"
    if settings.tls and not nginx.tls:
        yield f"{lacks} TLS. Set tls = false, or name another nginx."
    if settings.chain == "full" and not nginx.has("proxy"):
        yield (
            f"{lacks} its proxy module, so it cannot ask an application. Name another nginx, or set chain to "
            '"proxy-only" or "app-direct".'
        )
    if settings.chain == "proxy-only" and not nginx.has("rewrite"):
        yield f"{lacks} its rewrite module, so it cannot answer by itself. Name another nginx."
    if settings.upstream_keepalive and not nginx.has("upstream_keepalive"):
        yield f"{lacks} its upstream_keepalive module. Set upstream_keepalive to 0, or name another nginx."


def body_of(path: str) -> str:
    """Return the body that nginx sends itself: as many bytes as /bytes/100 asks for, else the ordinary JSON."""
    size = requested_bytes(path)
    return DEFAULT_BODY if size is None else "x" * size


def nginx_argv(nginx: NginxBuild, conf: Path, scratch: Path) -> tuple[str, ...]:
    """Return nginx's command line. Since 1.19.5, -e sets the log of errors that precede the configuration."""
    log = ("-e", "stderr") if nginx.version >= (1, 19, 5) else ()
    return (nginx.path, *log, "-p", f"{scratch}/", "-c", str(conf))


def worker_user() -> str:
    """Return root's name for root, which owns the sockets, since "nobody" could not reach them; "" for other users."""
    return pwd.getpwuid(0).pw_name if os.geteuid() == 0 else ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate."""

    authority: Path
    chain_and_key: Path


def certificate_paths(directory: Path) -> Certificate:
    """Return the paths of a certificate's files in `directory`."""
    return Certificate(authority=directory / "authority.pem", chain_and_key=directory / CHAIN_AND_KEY)


def write_certificate(paths: Certificate) -> None:
    """Write both files; their directory must exist."""
    import trustme  # takes 250 ms, and few experiments need it

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(paths.authority))
    paths.chain_and_key.touch(mode=0o600)
    certificate = authority.issue_cert(LOOPBACK, GATEWAY, FAR_ADDRESS)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(paths.chain_and_key))
