"""Explains why an application does not serve, from the last exception in gunicorn's log, and what to change."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.experiment.wording import shown
from harness.lab.app_imports import missing_module
from harness.lab.gunicorn import app_directory
from harness.model import Settings

ASGI_WORKERS = ("uvicorn", "asgi")
OUR_ASGI, OUR_WSGI = "app.main:app", "app.wsgi:app"
# The files that call the application: a TypeError raised there is about the call itself.
CALLERS = (
    "uvicorn/middleware/asgi2.py",
    "gunicorn/asgi/protocol.py",
    "gunicorn/workers/sync.py",
    "gunicorn/workers/gthread.py",
)
_FRAME = re.compile(r'[\s|+]*File "(?P<file>.+)", line (?P<line>\d+)')
_RAISED = re.compile(r"(?:  )*(?:\| )?(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as a traceback ends: its class, its text, and the places that led to it, the innermost last."""

    kind: str
    text: str
    places: Sequence[tuple[str, int]]  # file and line

    @property
    def file(self) -> str:
        """The file of the innermost place."""
        return self.places[-1][0]

    @property
    def is_of_environment(self) -> bool:
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
    def is_of_call(self) -> bool:
        """Whether the server could not call the application with its own interface."""
        about_call = re.search(r"positional argument|'coroutine' object is not iterable|'await' expression", self.text)
        return (
            self.kind == "TypeError"
            and self.file.endswith(CALLERS)
            and (bool(about_call) or self.file.endswith(CALLERS[0]))
        )


def application_problem(settings: Settings, python: str, log: str) -> str:
    """Return one sentence on what keeps the application from serving; "" where `log` does not show it."""
    raised = last_exception(log)
    problem = _loading_problem(settings, log)
    if problem or raised is None:
        return problem
    place = raised.place_in(app_directory(settings))
    if raised.kind == "ModuleNotFoundError" and (missing := re.match(r"No module named '([^']+)'", raised.text)):
        return missing_module(settings, python, missing[1], place)
    if raised.is_of_call:
        return _wrong_call(settings, raised)
    if raised.is_of_environment:
        return (
            f"The application {settings.app} needs the environment variable {raised.text} ({place}). Set it where "
            "barehop is started: the servers have the same environment."
        )
    what = f"{raised.kind}: {raised.text}".removesuffix(": ")
    if "Application startup failed" in log:
        return f"The application {settings.app} failed in its start-up: {what} ({place})."
    if "Worker failed to boot" in log:
        return f"The application {settings.app} cannot be imported: {what} ({place})."
    return ""


def last_exception(log: str) -> Raised | None:
    """Return the exception that the last traceback in `log` ends with."""
    exceptions = list(_exceptions(log.splitlines()))
    return exceptions[-1] if exceptions else None


def _exceptions(lines: list[str]) -> Iterator[Raised]:
    """Yield each exception: the first line after a traceback's frames that is not indented like them."""
    places: list[tuple[str, int]] = []
    for line in lines:
        if "Traceback (most recent call last)" in line:
            places = []
        elif frame := _FRAME.match(line):
            places.append((frame["file"], int(frame["line"])))
        elif places and not re.match(r"[\s|+]*\s{2,}\S", line) and (raised := _RAISED.match(line)):
            yield Raised(raised["kind"], raised["text"] or "", tuple(places))
            places = []


def _loading_problem(settings: Settings, log: str) -> str:
    """Return what gunicorn itself reports where it finds no application; "" otherwise."""
    module, name = settings.app.partition(":")[::2]
    app = f"app = {shown(settings.app)}"
    error = re.search(r"^(?:.*AppImportError: )?(Failed to \w+|Application object|Function)", log, re.MULTILINE)
    if error is None:
        return ""
    if error[1] == "Failed to find":
        return (
            f"{app}: the module {module} in {app_directory(settings)} has no {name or 'application'!r}. Name the "
            'application in it, like "module:app", or the function that makes it, like "module:create_app()".'
        )
    if error[1] == "Application object":
        return f"{app} is no application: it cannot be called. Name the application object of the module {module}."
    return f'{app} cannot be read. Write it as "module:name", or "module:function()" for a function that makes it.'


def _wrong_call(settings: Settings, raised: Raised) -> str:
    if re.search(r"takes (from )?0 ", raised.text) and not settings.app.endswith(")"):
        return f'{settings.app} is a function that makes an application. Set app to "{settings.app}()".'
    kind, serves, instead = ("WSGI", "ASGI", '"sync" or "gthread"')
    if settings.worker_class not in ASGI_WORKERS:
        kind, serves, instead = ("ASGI", "WSGI", '"uvicorn"')
    own_app = f', or app to "{OUR_WSGI}"' if settings.app == OUR_ASGI and not settings.app_dir else ""
    return (
        f"{settings.app} is {'a' if kind == 'WSGI' else 'an'} {kind} application, and worker_class = "
        f'"{settings.worker_class}" serves {serves}. Set worker_class to {instead}{own_app}.'
    )
