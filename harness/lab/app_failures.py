"""Why an application does not serve, from the last exception in gunicorn's log, and what to change."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.experiment.wording import shown
from harness.lab.gunicorn import app_directory
from harness.model import Settings

ASGI_WORKERS = ("uvicorn", "asgi")
OUR_ASGI, OUR_WSGI = "app.main:app", "app.wsgi:app"
# Where each server calls the application: a TypeError raised there is about the call, and not of the application.
CALLERS = (
    "uvicorn/middleware/asgi2.py",
    "gunicorn/asgi/protocol.py",
    "gunicorn/workers/sync.py",
    "gunicorn/workers/gthread.py",
)
# Packages that are imported by another name than they are installed by.
INSTALLED_AS = {
    "MySQLdb": "mysqlclient", "PIL": "Pillow", "bs4": "beautifulsoup4", "corsheaders": "django-cors-headers",
    "cv2": "opencv-python", "dateutil": "python-dateutil", "decouple": "python-decouple", "dotenv": "python-dotenv",
    "environ": "django-environ", "jose": "python-jose", "jwt": "PyJWT",
    "multipart": "python-multipart", "psycopg2": "psycopg2-binary", "rest_framework": "djangorestframework",
    "sklearn": "scikit-learn", "yaml": "PyYAML",
}  # fmt: skip
_FRAME = re.compile(r'[\s|+]*File "(?P<file>.+)", line (?P<line>\d+)')
_RAISED = re.compile(r"(?:  )*(?:\| )?(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as a traceback ends: its class, its text, and the place where it was raised."""

    kind: str
    text: str
    file: str
    line: int

    @property
    def is_of_call(self) -> bool:
        """Whether the server could not call the application as it calls applications."""
        about_call = re.search(r"positional argument|'coroutine' object is not iterable|'await' expression", self.text)
        return (
            self.kind == "TypeError"
            and self.file.endswith(CALLERS)
            and (bool(about_call) or self.file.endswith(CALLERS[0]))
        )


def application_problem(settings: Settings, python: str, log: str) -> str:
    """Return one sentence on what keeps the application from serving; "" where `log` does not tell."""
    raised = last_exception(log)
    problem = _loading_problem(settings, log)
    if problem or raised is None:
        return problem
    if raised.kind == "ModuleNotFoundError" and (missing := re.match(r"No module named '([^']+)'", raised.text)):
        return _missing_module(settings, python, missing[1])
    if raised.is_of_call:
        return _wrong_call(settings, raised)
    what = f"{raised.kind}: {raised.text}".removesuffix(": ")
    if "Application startup failed" in log:
        return f"The application {settings.app} failed in its start-up: {what} ({raised.file}, line {raised.line})."
    if "Worker failed to boot" in log:
        return f"The application {settings.app} cannot be imported: {what} ({raised.file}, line {raised.line})."
    return ""


def last_exception(log: str) -> Raised | None:
    """Return the exception that the last traceback in `log` ends with."""
    exceptions = list(_exceptions(log.splitlines()))
    return exceptions[-1] if exceptions else None


def _exceptions(lines: list[str]) -> Iterator[Raised]:
    """Yield each exception: the first line after the frames of a traceback that is not indented as they are."""
    frame: re.Match[str] | None = None
    for line in lines:
        if found := _FRAME.match(line):
            frame = found
        elif frame and not re.match(r"[\s|+]*\s{2,}\S", line) and (raised := _RAISED.match(line)):
            yield Raised(raised["kind"], raised["text"] or "", frame["file"], int(frame["line"]))
            frame = None


def _loading_problem(settings: Settings, log: str) -> str:
    """What gunicorn itself says where it finds no application."""
    module, name = settings.app.partition(":")[::2]
    app = f"app = {shown(settings.app)}"
    said = re.search(r"^(?:.*AppImportError: )?(Failed to \w+|Application object|Function)", log, re.MULTILINE)
    if said is None:
        return ""
    if said[1] == "Failed to find":
        return (
            f"{app}: the module {module} in {app_directory(settings)} has no {name or 'application'!r}. Name the "
            'application in it, like "module:app", or the function that makes it, like "module:create_app()".'
        )
    if said[1] == "Application object":
        return f"{app} is no application: it cannot be called. Name the application object of the module {module}."
    return f'{app} cannot be read. Write it as "module:name", or "module:function()" for a function that makes it.'


def _missing_module(settings: Settings, python: str, missing: str) -> str:
    module = settings.app.partition(":")[0]
    if module == missing or module.startswith(f"{missing}."):
        here = Path.cwd()
        way_out = "Correct app, or set app_dir to the directory that it is imported from."
        if not settings.app_dir and any(path.exists() for path in files_of(module, here)):
            way_out = f"There is one in the current directory: set app_dir to {shown(str(here))}."
        return f"There is no module {missing!r} in {app_directory(settings)}. {way_out}"
    package = missing.partition(".")[0]
    return (
        f"The application {settings.app} needs the package {package!r}, which {python} does not have. Install it: "
        f"{python} -m pip install {INSTALLED_AS.get(package, package)}. Or set python to the Python that has it."
    )


def files_of(module: str, directory: Path) -> tuple[Path, Path]:
    """The two files that `module` may be in `directory`: a module of its own, or a package."""
    place = directory.joinpath(*module.split("."))
    return place.with_name(f"{place.name}.py"), place / "__init__.py"


def _wrong_call(settings: Settings, raised: Raised) -> str:
    if re.search(r"takes (from )?0 ", raised.text) and not settings.app.endswith(")"):
        return f'{settings.app} is a function that makes an application. Set app to "{settings.app}()".'
    kind, serves, instead = ("WSGI", "ASGI", '"sync" or "gthread"')
    if settings.worker_class not in ASGI_WORKERS:
        kind, serves, instead = ("ASGI", "WSGI", '"uvicorn"')
    ours = f', or app to "{OUR_WSGI}"' if settings.app == OUR_ASGI and not settings.app_dir else ""
    return (
        f"{settings.app} is {'a' if kind == 'WSGI' else 'an'} {kind} application, and worker_class = "
        f'"{settings.worker_class}" serves {serves}. Set worker_class to {instead}{ours}.'
    )
