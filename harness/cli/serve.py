"""barehop serve: hold the stacks of an experiment for a client on another machine."""

from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

import click

from harness.cli.common import RESULTS, clean_up, find_config, gain_rights_for, lock_machine, print_message
from harness.cli.parameters import config_argument, set_option
from harness.errors import ConfigError, Interrupted
from harness.experiment.read import read_experiment


@click.command()
@config_argument
@set_option
@click.option("--address", default="127.0.0.1", help="IPv4 address of this machine to listen on; by default loopback.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port for `run --from`; by default a free one.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory for logs and facts; must be new or empty.")
def serve(config: Path, overrides: tuple[str, ...], address: str, port: int, out: Path | None) -> None:
    """Hold the stacks of CONFIG for a client on another machine.

    Prints the command for that machine, with a token, and the arms as urls. Ends with Ctrl-C or SIGTERM.
    """
    _check_address(address)
    path = find_config(config)
    experiment = read_experiment(path, overrides)
    try:
        with lock_machine():
            clean_up()
            gain_rights_for(experiment)
            from harness.session.serve import ServeOptions, serve_experiment

            document = path.read_bytes()
            options = ServeOptions(document, overrides, address, port, RESULTS, out, tell=click.echo, say=print_message)
            serve_experiment(experiment, options)
    except (KeyboardInterrupt, Interrupted):
        print_message("Ended as asked. Nothing is left running.")


def _check_address(address: str) -> None:
    try:
        is_any = IPv4Address(address).is_unspecified
    except AddressValueError:
        raise ConfigError(f"--address {address} is no IPv4 address. Give one of this machine, like 10.0.0.1.") from None
    if is_any:
        raise ConfigError(f"--address {address} is no address to connect to. Give that of one interface.")
