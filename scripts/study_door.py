"""What the studies' doors share: each way of ending as an exit code, and a directory that is theirs alone."""

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from harness.errors import ConfigError, HarnessError, Interrupted, MachineError


def end(command: click.Command) -> NoReturn:
    """Run the command. SIGTERM and SIGHUP end it as Ctrl-C does: what it started goes, what was found stays."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        command(standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        sys.exit(ConfigError.exit_code)
    except HarnessError as problem:
        _say(command, str(problem))
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say(command, "Interrupted. What was found is kept; nothing is left running.")
        sys.exit(Interrupted.exit_code)
    sys.exit(0)


def made(directory: Path | None, parent: Path) -> Path:
    """The directory, which is new or empty; None: one of this second's name in `parent`. Raises MachineError."""
    directory = directory or parent / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise MachineError(f"{directory} is not empty. Give --out another directory.")
    return directory.resolve()


def _say(command: click.Command, text: str) -> None:
    click.echo(f"{command.name}: {text}", err=True)
