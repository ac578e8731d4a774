"""Why an application does not serve or an answer is refused, and the setting that may change it; its namesakes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

from harness.experiment.problems import to_toml
from harness.model import Reply, Settings
from harness.testbed.servers.gunicorn import app_directory
from harness.testbed.standalone.application_path import OWN_ROOT

ASGI_WORKERS = ("uvicorn", "asgi")
OWN_ASGI_APP, OWN_WSGI_APP = "app.main:app", "app.wsgi:app"
# The files that call the application: a TypeError raised there is about the call itself.
CALLERS = (
    "uvicorn/middleware/asgi2.py",
    "gunicorn/asgi/protocol.py",
    "gunicorn/workers/sync.py",
    "gunicorn/workers/gthread.py",
)
_FRAME = re.compile(r'[\s|+]*File "(?P<file>.+)", line (?P<line>\d+)')
_RAISED = re.compile(r"(?:  )*(?:\| )?(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")
MAX_QUOTED = 160
MOST_READ_BYTES = 65536
# What a browser does not show: comments, these elements (a body ends a head that nothing closed), and tags.
HIDDEN_TEXT = re.compile(
    r"<!--.*?-->|<(head|script|style)\b.*?(?:</\1\s*>|(?=<body\b)|$)|<[^>]*>", re.IGNORECASE | re.DOTALL
)
HINTS = {
    "host": "If it serves certain hosts only, set host to one of them; the request's was {host}.",
    "headers": "If it needs a header, like Authorization, set headers.",
    "method": "If it answers to another method than {method}, set method.",
    "body": "If it needs a body of another kind, set method, headers and body.",
}
HINT_OF_STATUS = {
    400: "host", 401: "headers", 403: "headers", 404: "host", 405: "method", 411: "body", 415: "headers", 421: "host",
    422: "body",
}  # fmt: skip
CSRF_HINT = (
    "If it checks for a CSRF token, exempt the view or send one: Django takes any 32 letters T as headers = "
    '{ Cookie = "csrftoken=T", X-CSRFToken = "T" }.'
)
HTTPS_HINT = (
    "If it wants https and believes a proxy that says so (Django's SECURE_PROXY_SSL_HEADER, gunicorn, uvicorn), set "
    'headers = { X-Forwarded-Proto = "https" }.'
)
# What nginx logs about a response that it never passes on.
TOO_BIG_HEADER = "upstream sent too big header"
INVALID_RESPONSE = re.compile(r"upstream sent (?:invalid|no valid|duplicate|unsupported|unexpected) [^,]*")
ENVIRONMENT_NAMES = (".venv", "venv", "env")
# Packages that are imported by another name than they are installed by.
PACKAGE_OF_MODULE = {
    "MySQLdb": "mysqlclient", "PIL": "Pillow", "bs4": "beautifulsoup4", "corsheaders": "django-cors-headers",
    "cv2": "opencv-python", "dateutil": "python-dateutil", "decouple": "python-decouple", "dotenv": "python-dotenv",
    "environ": "django-environ", "jose": "python-jose", "jwt": "PyJWT",
    "multipart": "python-multipart", "psycopg2": "psycopg2-binary", "rest_framework": "djangorestframework",
    "sklearn": "scikit-learn", "yaml": "PyYAML",
}  # fmt: skip
LOADING_ERROR = re.compile(
    r"^(?:.*AppImportError: )?(Failed to \w+|Application object|Function)"
    r"|Error loading ASGI app\. (Could not import module|Attribute)",
    re.MULTILINE,
)
APP_CHAINS = ("full", "app-direct")


@dataclass(frozen=True, slots=True)
class LoggedException:
    """An exception as a traceback ends: its class, its text, and the places that led to it, the innermost last."""

    kind: str
    text: str
    places: Sequence[tuple[str, int]]  # file and line

    @property
    def file(self) -> str:
        """The file of the innermost place."""
        return self.places[-1][0]

    @property
    def is_import_error(self) -> bool:
        """Whether uvicorn was importing the application; gunicorn says so itself."""
        return any(file.endswith("uvicorn/importer.py") for file, _ in self.places)

    @property
    def is_missing_variable(self) -> bool:
        """Whether os.environ has no variable of that name."""
        return self.kind == "KeyError" and (self.file == "<frozen os>" or self.file.endswith("/os.py"))

    def place_in(self, directory: Path) -> str:
        """Return the innermost line in a file of `directory`, or else the innermost line of all."""
        own = [
            place for place in self.places if directory in Path(place[0]).parents and "site-packages" not in place[0]
        ]
        file, line = (own or self.places)[-1]
        return f"{file}, line {line}"

    @property
    def is_call_error(self) -> bool:
        """Whether the server could not call the application with its own interface."""
        about_call = re.search(r"positional argument|'coroutine' object is not iterable|'await' expression", self.text)
        is_raised_by_caller = self.kind == "TypeError" and self.file.endswith(CALLERS)
        return is_raised_by_caller and bool(about_call or self.file.endswith(CALLERS[0]))


def application_problem(settings: Settings, python: str, log: str) -> str:
    """Return one sentence on what keeps the application from serving; "" where `log` does not show it."""
    raised = last_exception(log)
    problem = _loading_problem(settings, log)
    if problem or raised is None:
        return problem
    place = raised.place_in(app_directory(settings))
    if raised.kind == "ModuleNotFoundError" and (missing := re.match(r"No module named '([^']+)'", raised.text)):
        return _missing_module_problem(settings, python, missing[1], place)
    if raised.is_call_error:
        return _wrong_call(settings, raised)
    if raised.is_missing_variable:
        return (
            f"The application {settings.app} needs the environment variable {raised.text} ({place}). Set it where "
            "barehop is started: the servers have the same environment."
        )
    what = f"{raised.kind}: {raised.text}".removesuffix(": ")
    if "Application startup failed" in log:
        return f"The application {settings.app} failed in its start-up: {what} ({place})."
    if "Worker failed to boot" in log or raised.is_import_error:
        return f"The application {settings.app} cannot be imported: {what} ({place})."
    return ""


def last_exception(log: str) -> LoggedException | None:
    """Return the exception of the last traceback in `log`: the first line after its frames that is not indented so."""
    exception = None
    places: list[tuple[str, int]] = []
    for line in log.splitlines():
        if "Traceback (most recent call last)" in line:
            places = []
        elif frame := _FRAME.match(line):
            places.append((frame["file"], int(frame["line"])))
        elif places and not re.match(r"[\s|+]*\s{2,}\S", line) and (raised := _RAISED.match(line)):
            exception = LoggedException(raised["kind"], raised["text"] or "", tuple(places))
            places = []
    return exception


def _loading_problem(settings: Settings, log: str) -> str:
    """Return what gunicorn or uvicorn itself reports where it finds no application; "" otherwise."""
    module, name = settings.app.partition(":")[::2]
    app = f"app = {to_toml(settings.app)}"
    error = LOADING_ERROR.search(log)
    if error is None:
        return ""
    kind = error[1] or error[2]
    if kind == "Could not import module":
        return f"There is no module {module!r} in {app_directory(settings)}. {_other_directory(settings)}"
    if kind in ("Failed to find", "Attribute"):
        return (
            f"{app}: the module {module} in {app_directory(settings)} has no {name or 'application'!r}. Name the "
            'application in it, like "module:app", or the function that makes it, like "module:create_app()".'
        )
    if kind == "Application object":
        return f"{app} is no application: it cannot be called. Name the application object of the module {module}."
    return f'{app} cannot be read. Write it as "module:name", or "module:function()" for a function that makes it.'


def _wrong_call(settings: Settings, raised: LoggedException) -> str:
    if re.search(r"takes (from )?0 ", raised.text) and not settings.app.endswith(")"):
        return f'{settings.app} is a function that makes an application. Set app to "{settings.app}()".'
    kind, serves, instead = ("WSGI", "ASGI", '"sync" or "gthread"')
    if settings.server == "uvicorn":
        return (
            f'{settings.app} is a WSGI application, and uvicorn serves ASGI. Set server to "gunicorn" and worker_class '
            f"to {instead}."
        )
    if settings.worker_class not in ASGI_WORKERS:
        kind, serves, instead = ("ASGI", "WSGI", '"uvicorn"')
    own_app = f', or app to "{OWN_WSGI_APP}"' if settings.app == OWN_ASGI_APP and not settings.app_dir else ""
    return (
        f"{settings.app} is {'a' if kind == 'WSGI' else 'an'} {kind} application, and worker_class = "
        f'"{settings.worker_class}" serves {serves}. Set worker_class to {instead}{own_app}.'
    )


def refusal_hint(settings: Settings, host: str, reply: Reply) -> str:
    """Return what `reply` itself says, and which setting may help; "" where nothing is known."""
    quoted = "" if reply.headers.get("location") else _quoted_text(reply)
    if reply.status == 403 and "csrf" in quoted.lower():
        return f"{quoted} {CSRF_HINT}"
    key = HINT_OF_STATUS.get(reply.status, "")
    hint = HINTS[key].format(host=host, method=settings.method) if key else ""
    return " ".join(filter(None, (quoted, _redirect_hint(settings, host, reply), hint)))


def _redirect_hint(settings: Settings, host: str, reply: Reply) -> str:
    """Return where `reply` redirects to, and the setting that follows it."""
    location = reply.headers.get("location", "")
    if not location:
        return ""
    redirect = f"It sends the client to {location[:MAX_QUOTED]!r}."
    try:
        parts = urlsplit(location)
    except ValueError:
        return redirect
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    if path == settings.path and parts.scheme == "https":
        return f"{redirect} {HTTPS_HINT}"
    if path == settings.path and parts.hostname and parts.netloc != host:
        return f"{redirect} Set host to {to_toml(parts.netloc)}."
    if parts.netloc in ("", host) and path.startswith("/") and path != settings.path:
        return f"{redirect} Set path to {to_toml(path)} to measure what it leads to."
    return redirect


def lasting_502(settings: Settings, nginx_log: str) -> str:
    """Return why nginx will never pass the answer on, in a sentence; "" where it may yet."""
    if TOO_BIG_HEADER in nginx_log:
        return (
            f"The headers of its answer do not fit nginx's buffer, proxy_buffer_kb = {settings.proxy_buffer_kb}. Set "
            "proxy_buffer_kb to more, up to 1024, or let the application send less."
        )
    if match := INVALID_RESPONSE.search(nginx_log):
        return f"Its answer is no HTTP that nginx passes on: {match[0]}. Correct the application."
    return ""


def _quoted_text(reply: Reply) -> str:
    """Return the beginning of an answer that is text for a reader; of a page, what a browser shows."""
    kind = reply.headers.get("content-type", "")
    if not kind.startswith(("text/plain", "text/html", "application/json", "application/problem+json")):
        return ""
    text = reply.body[:MOST_READ_BYTES].decode(errors="replace")
    if kind.startswith("text/html"):
        text = unescape(HIDDEN_TEXT.sub(" ", text))
    text = " ".join(text.split())
    short = text if len(text) <= MAX_QUOTED else f"{text[: MAX_QUOTED - 4]} ..."
    return f"It says: {short!r}." if short.isprintable() and short else ""


def _missing_module_problem(settings: Settings, python: str, missing: str, place: str) -> str:
    """Return why `missing`, which the line at `place` imports, is not found, in a sentence with advice."""
    directory = app_directory(settings)
    module = settings.app.partition(":")[0]
    if module == missing or module.startswith(f"{missing}."):
        return f"There is no module {missing!r} in {directory}. {_other_directory(settings)}"
    parent = missing.rpartition(".")[0]
    if parent:  # Python has found the parent: a missing package is reported by its first part only
        owner = directory if has_module(parent, directory) else f"the package {parent!r} of {python}"
        return (
            f"The application {settings.app} imports the module {missing!r}, which is not in {owner} ({place}). "
            f"Correct that name, or {'add the module' if owner == directory else 'install a release that has it'}."
        )
    places = [*_inner_places(settings), *_outer_places(settings, missing)]
    better = next(((directory, app) for directory, app in places if has_module(missing, directory)), None)
    if better:
        return (
            f"The application {settings.app} imports {missing!r}, which is in {better[0]} ({place}). "
            f"Set app_dir to {to_toml(str(better[0]))} and app to {to_toml(better[1])}."
        )
    needs = f"The application {settings.app} needs the package {missing!r}, which {python} does not have."
    own = (directory / name / "bin/python" for name in ENVIRONMENT_NAMES)
    if not settings.python and (environment := next(filter(Path.is_file, own), None)):
        return f"{needs} Set python to {to_toml(str(environment))}, the environment in its directory."
    install = f"{python} -m pip install {PACKAGE_OF_MODULE.get(missing, missing)}"
    return f"{needs} Install it: {install}. Or set python to the Python that has it."


def has_module(module: str, directory: Path) -> bool:
    """Return whether `module` is in `directory`: a file, or a package with or without an __init__.py."""
    place = directory.joinpath(*module.split("."))
    return place.with_name(f"{place.name}.py").is_file() or (place.is_dir() and any(place.glob("*.py")))


def _other_directory(settings: Settings) -> str:
    here, module = Path.cwd(), settings.app.partition(":")[0]
    if not settings.app_dir and has_module(module, here):
        return f"There is one in the current directory: set app_dir to {to_toml(str(here))}."
    return "Correct app, or set app_dir to the directory that it is imported from."


def _inner_places(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Yield the directories of the application's own packages, like src of src.main:app."""
    directory = app_directory(settings)
    module, colon, name = settings.app.partition(":")
    while "." in module:
        package, _, module = module.partition(".")
        directory /= package
        yield directory, f"{module}{colon}{name}"


def _outer_places(settings: Settings, missing: str) -> Iterator[tuple[Path, str]]:
    """Yield the directories above app_dir where app_dir is inside the package `missing` itself."""
    directory, app = app_directory(settings), settings.app
    while directory.name.isidentifier():
        directory, name = directory.parent, directory.name
        app = f"{name}.{app}"
        if name == missing:
            yield directory, app


def namesake_warnings(arms: Iterable[Settings], directory: Path) -> Iterator[str]:
    """Yield a sentence for each application without `app_dir` that also exists in `directory`."""
    if directory.resolve() == OWN_ROOT:
        return
    apps = (
        settings.app
        for settings in arms
        if not settings.url and not settings.app_dir and not settings.command and settings.chain in APP_CHAINS
    )
    for app in dict.fromkeys(apps):
        module = app.partition(":")[0]
        if has_module(module, OWN_ROOT) and has_module(module, directory):
            yield (
                f"The application {app} is barehop's own. The current directory contains one of the same name: "
                "--set arm.app_dir=. measures it."
            )
