"""The command of an arm that starts its own application server: its words, and what barehop fills in."""

import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from string import Formatter

from harness.experiment.problems import did_you_mean
from harness.experiment.transports import is_tcp
from harness.model import Settings

PLACEHOLDERS = {
    "socket": "the path of the Unix socket",
    "host": "the address of the TCP socket",
    "port": "its port",
    "bind": "either of them, as HOST:PORT or unix:PATH",
    "workers": "the setting workers",
    "app": "the setting app",
    "app_dir": "the directory of the application",
    "python": "the Python of the setting python",
}
OF_TCP, OF_UNIX = frozenset({"host", "port"}), frozenset({"socket"})


@cache
def command_words(command: str) -> tuple[str, ...]:
    """Return the words of `command` as a shell splits them; nothing else of a shell applies. Raises ValueError."""
    return tuple(shlex.split(command))


def placeholders_of(command: str) -> frozenset[str]:
    """Return the names in braces. Raises ValueError for a command that cannot be read."""
    return frozenset(name for word in command_words(command) for name in _names_in(word))


def fill_words(command: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words of `command` with `values` for their placeholders; {{ and }} become braces."""
    return tuple(word.format_map(values) for word in command_words(command))


def command_problem(command: str) -> str:
    """Return what is wrong with `command` whatever the arm is; "" if nothing is."""
    try:
        words, names = command_words(command), placeholders_of(command)
    except ValueError as error:
        return f"it cannot be read: {str(error)[:1].lower()}{str(error)[1:]}. Write {{{{ and }}}} for braces."
    if not words:
        return "it is empty. Give the program and its arguments, or leave it out."
    unknown = sorted(names - PLACEHOLDERS.keys())
    return " ".join(f"{{{name}}} is no placeholder.{did_you_mean(name, PLACEHOLDERS)}" for name in unknown)


def address_conflict(settings: Settings) -> str:
    """Return the placeholder that the transport of an arm lacks in its command, or cannot fill; "" if all is right."""
    if not settings.command or command_problem(settings.command):
        return ""
    names, tcp = placeholders_of(settings.command), is_tcp(settings.transport)
    kind, wanted = ("a TCP transport", "{host} and {port}") if tcp else ("a Unix socket", "{socket}")
    if wrong := sorted(names & (OF_UNIX if tcp else OF_TCP)):
        return f"{kind} has no {{{wrong[0]}}}. Write {wanted}, or {{bind}} for either."
    if not names & {"port" if tcp else "socket", "bind"}:
        return f"the server must listen where barehop says. Write {wanted}, or {{bind}} for either, into the command."
    return ""


def _names_in(word: str) -> Iterator[str]:
    """Yield what stands in braces, with all that str.format would understand there, like {port:x}."""
    for _, name, form, conversion in Formatter().parse(word):
        if name is not None:
            yield f"{name}{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}"
