"""Starts a scheduler and workers itself: on this machine, or by ssh on the hosts of a file."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from distributed import Client, Security, SSHCluster

from harness.errors import ConfigError, MachineError
from harness.experiment.document import read_text
from harness.fleet.workers import connect_scheduler
from harness.model.plugins import LOOPBACK
from harness.start import module_command
from harness.testbed.machine.directories import private_name, tmpfs_parent
from harness.testbed.processes.process import SupervisedCommand, SupervisedProcess, start_command
from harness.testbed.servers.nginx import certificate_paths, write_certificate

START_S, POLL_S = 60.0, 0.05
HOSTS_ADVICE = "Give the path of a text file with a host on each line, and perhaps the path of its Python."
SSH_IDLE = "10 minutes"
QUIET, LIFELINE = "harness.fleet.quiet", "harness.fleet.lifeline"
PROGRAMS = {"scheduler": "distributed.cli.dask_scheduler", "worker": "distributed.cli.dask_worker"}


@contextmanager
def connect_local_workers(count: int) -> Iterator[Client]:
    """Run a scheduler and `count` workers on this machine during the body; yield a client.

    Certificates keep other users of this machine out: who may use a scheduler may run programs as its user.
    """
    directory = (tmpfs_parent() or Path("/tmp")) / private_name()  # noqa: S108 - made with mode 0700
    holder = SupervisedCommand("a directory", (), Path(os.devnull), directories=(directory,))
    with ExitStack() as exit_stack:
        exit_stack.enter_context(start_command(holder))
        paths = certificate_paths(directory)
        write_certificate([paths])
        authority, own = str(paths.authority), str(paths.chain_and_key)
        tls = ("--tls-ca-file", authority, "--tls-cert", own, "--tls-key", own)
        file = directory / "scheduler.json"
        place = ("--host", LOOPBACK, "--dashboard-address", f"{LOOPBACK}:0", "--scheduler-file", str(file))
        words = (*tls, "--protocol", "tls", "--port", "0", *place)
        command = SupervisedCommand("dask scheduler", _dask_argv("scheduler", *words), directory / "log", cwd=directory)
        address = _wait_for_scheduler(file, exit_stack.enter_context(start_command(command)))
        quiet = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--preload", QUIET)
        options = (*tls, *place[:4], *quiet, "--preload", LIFELINE, "--local-directory", str(directory))
        names = [f"{os.uname().nodename}-{number}" for number in range(1, count + 1)]
        commands = [_dask_argv("worker", address, *options, "--name", name) for name in names]
        workers = [exit_stack.enter_context(_run_worker(argv, directory)) for argv in commands]
        security = Security(tls_ca_file=authority, tls_client_cert=own, tls_client_key=own, require_encryption=True)
        client = exit_stack.enter_context(connect_scheduler(address, security))
        _wait_for_workers(client, workers)
        yield client


def _dask_argv(kind: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, *module_command(PROGRAMS[kind]), *words)


@contextmanager
def _run_worker(argv: Sequence[str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker during the body; it also ends with this process."""
    with (directory / "log").open("ab") as log:
        worker = subprocess.Popen(
            argv, cwd=directory, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
    with worker:  # closes its standard input, and waits
        yield worker


def _wait_for_scheduler(file: Path, scheduler: SupervisedProcess) -> str:
    """Return the address in the file of the scheduler, when it is whole. Raises StackError or MachineError."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        scheduler.check()
        if file.exists() and file.read_bytes().endswith(b"}"):
            return str(json.loads(file.read_bytes())["address"])
        time.sleep(POLL_S)
    raise MachineError(f"dask scheduler did not start within {START_S:g} s.")


def _wait_for_workers(client: Client, workers: Sequence["subprocess.Popen[bytes]"]) -> None:
    deadline = time.monotonic() + START_S
    while len(client.nthreads()) < len(workers):
        if time.monotonic() > deadline or any(worker.poll() is not None for worker in workers):
            raise MachineError(f"{len(workers)} dask workers did not start here within {START_S:g} s, or have ended.")
        time.sleep(POLL_S)


@contextmanager
def connect_ssh_workers(file: Path) -> Iterator[Client]:
    """Run a worker on each host in `file`, and a scheduler on the first, by ssh during the body; yield a client.

    A line has a host, and perhaps the path of its Python. Raises ConfigError for a file without hosts, MachineError.
    """
    lines = [
        line.split() for line in read_text(file, HOSTS_ADVICE).splitlines() if line.strip() and not line.startswith("#")
    ]
    if not lines:
        raise ConfigError(f"{file} has no host. Write one a line, with the path of its Python if it is another.")
    first, hosts = lines[0][0], [words[0] for words in lines]
    pythons = [words[1] if len(words) > 1 else sys.executable for words in lines]
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        cluster = SSHCluster(
            [first, *hosts],
            worker_class="distributed.Worker",  # without a nanny
            worker_options={"nthreads": 1, "memory_limit": 0, "dashboard": False, "preload": [QUIET]},
            scheduler_options={"port": 0, "dashboard": False, "idle_timeout": SSH_IDLE},  # a killed client ends none
            remote_python=[pythons[0], *pythons],
        )
    except Exception as error:  # noqa: BLE001 - distributed raises this class itself, and asyncssh many
        raise MachineError(
            f"The workers did not start by ssh: {str(error) or type(error).__name__}. Each host needs ssh without a "
            "password, and barehop[fleet]; the second word on its line may be the path of its Python."
        ) from None
    with cluster, connect_scheduler(cluster.scheduler_address) as client:
        yield client
