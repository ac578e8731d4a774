"""The command of an arm is refused before anything starts, with all that is wrong with it."""

import pytest

from harness.experiment.own_command import fill_words, placeholders_of
from tests.support.experiment_files import TWO_ARMS, arms, read, refusal, refusals

UNIX = '[arms.a]\ntransport = "uds-tmpfs"\n[arms.b]\ntransport = "uds-tmpfs"\npath = "/b"\n'


def command(text: str) -> str:
    return f"[arm]\ncommand = '{text}'\n"


def test_words_are_those_of_a_shell_and_braces_can_be_written() -> None:
    words = fill_words('serve --at "a {port} b" {{x}} $HOME', {"port": "80"})
    assert words == ("serve", "--at", "a 80 b", "{x}", "$HOME")
    assert placeholders_of("serve {port} {{app}} {host}:{port}") == {"host", "port"}


def test_a_command_makes_a_stack_for_each_transport_and_gunicorn_one_for_all() -> None:
    assert read(TWO_ARMS).design.layout == "random"  # the arms share processes
    assert read(f"{command('serve {bind}')}{TWO_ARMS}").design.layout == "matched"
    assert read(f'[arm]\nserver = "uvicorn"\n{TWO_ARMS}').design.layout == "matched"
    assert read(f"{command('serve {socket}')}{UNIX}").design.layout == "random"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("serve {port", "it cannot be read: expected '}' before end of string. Write {{ and }} for braces."),
        ('serve "{port}', "it cannot be read: no closing quotation. Write {{ and }} for braces."),
        ("serve {prot}", "{prot} is no placeholder. Did you mean 'port'?"),
        ("serve {} {port}", "{} is no placeholder. Choose from: socket, "),
        ("serve {port:x}", "{port:x} is no placeholder."),
        ("serve {host.__class__} {port}", "{host.__class__} is no placeholder."),
        (" ", "it is empty. Give the program and its arguments, or leave it out."),
    ],
)
def test_a_command_that_cannot_be_filled_in_is_refused(text: str, sentence: str) -> None:
    shown = text.replace('"', '\\"')
    assert refusal(f"{command(text)}{UNIX}").startswith(f'arm.command = "{shown}": {sentence}')


@pytest.mark.parametrize(
    ("text", "transport", "sentence"),
    [
        ("serve 8000", "tcp", "the server must listen where barehop says. Write {host} and {port}, or {bind} for"),
        ("serve /run/x.sock", "uds-dir", "the server must listen where barehop says. Write {socket}, or {bind} for"),
        ("serve {socket}", "tcp", "a TCP transport has no {socket}. Write {host} and {port}, or {bind} for either."),
        ("serve {host} {port}", "uds-dir", "a Unix socket has no {host}. Write {socket}, or {bind} for either."),
        ("serve {bind} {port}", "uds-dir", "a Unix socket has no {port}. Write {socket}, or {bind} for either."),
    ],
)
def test_a_command_without_the_address_of_its_transport_is_refused(text: str, transport: str, sentence: str) -> None:
    file = f'[arm]\ntransport = "{transport}"\n[arms.a]\n[arms.b]\ncommand = "{text}"\n'
    assert refusal(file).startswith(f'Arm \'b\': command = "{text}" with transport = "{transport}": {sentence}')


def test_every_problem_of_every_arm_is_told_at_once() -> None:
    told = refusals("""
[arms.a]
command = "serve {sokcet}"
[arms.b]
command = "serve"
server = "uvicorn"
[arms.c]
command = "serve {port}"
worker_class = "gthread"
app = "app.wsgi:app"
[arms.d]
server = "uvicorn"
worker_class = "sync"
[arms.e]
server = "uvicorn"
app = "shop:create('x')"
""")
    assert told == [
        "arms.a.command = \"serve {sokcet}\": {sokcet} is no placeholder. Did you mean 'socket'?",
        'Arm \'b\': command = "serve" excludes server = "uvicorn": a command starts its own server. Leave one of them '
        "out.",
        'Arm \'b\': command = "serve" with transport = "tcp": the server must listen where barehop says. Write {host} '
        "and {port}, or {bind} for either, into the command.",
        'Arm \'c\': command = "serve {port}" excludes worker_class = "gthread", which is a setting of gunicorn. Leave '
        "one of them out.",
        'Arm \'d\': server = "uvicorn" excludes worker_class = "sync", which is a setting of gunicorn. Leave one of '
        "them out.",
        "Arm 'e': server = \"uvicorn\" excludes app = \"shop:create('x')\", because uvicorn calls a factory without "
        "arguments. Name a function that needs none.",
    ]


def test_a_url_has_no_server_of_ours() -> None:
    told = refusals('[arms.a]\n[arms.b]\nurl = "http://localhost:1/"\ncommand = "serve {port}"\n')
    assert len(told) == 1
    assert "arm 'b' has a url: barehop does not start or configure the service behind it." in told[0]


def test_a_command_is_a_setting_of_processes() -> None:
    experiment = read(f"{command('serve {bind}')}{TWO_ARMS}")
    assert {arm.settings.command for arm in arms(experiment).values()} == {"serve {bind}"}
