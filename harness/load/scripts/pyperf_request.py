"""Benchmark one request with pyperf's Runner, in worker processes that calibrate and warm up."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import LoadError
from harness.experiment.constraints import parse_url
from harness.load.client import Exchange, open_exchange
from harness.model import PLAIN_REQUEST, Request, Target
from harness.model.http import answer_shape
from harness.start import module_command
from harness.testbed.machine.pyperf import remove_names

BENCHMARK = "request"


def main() -> NoReturn:
    """Run `--url=http://127.0.0.1:8080/` with any option of pyperf's Runner."""
    try:
        _run_benchmark()
    except LoadError as problem:  # in a worker
        sys.exit(str(problem))
    except RuntimeError:  # the worker has printed why
        sys.exit(LoadError.exit_code)
    sys.exit(0)


def _run_benchmark() -> None:
    runner = pyperf.Runner(
        program_args=module_command("harness.load.scripts.pyperf_request"), add_cmdline_args=_add_worker_arguments
    )
    runner.argparser.add_argument("--url", required=True)
    runner.argparser.add_argument("--authority", type=Path, help="CA bundle (PEM) to trust")
    runner.argparser.add_argument("--address", default="", help="resolved address of the url's host")
    runner.argparser.add_argument("--keepalive", action="store_true", help="send all requests over one connection")
    runner.argparser.add_argument("--request", type=Path, help="JSON file with method, headers and body")
    runner.argparser.add_argument("--proved", type=Path, help="JSON file with the shape of a right answer")
    runner.argparser.add_argument("--patience", type=float, default=10.0, help="timeout of a request in seconds")
    options = runner.parse_args()
    with open_exchange(_make_target(options)) as exchange:
        runner.bench_time_func(BENCHMARK, time_requests_s, exchange)
    if options.output and not options.worker:
        remove_names(Path(options.output))


def time_requests_s(loops: int, exchange: Callable[[], Exchange]) -> float:
    """Return the seconds of `loops` requests, one after the other. Raises LoadError if one fails."""
    total_ns = 0
    for _ in range(loops):
        result = exchange()
        if result.fault:
            raise LoadError(f"A request failed: {result.fault}.")
        total_ns += result.end_ns - result.start_ns
    return total_ns / 1e9


def _make_target(options: argparse.Namespace) -> Target:
    url = parse_url(options.url)
    return Target(
        url.host,
        url.port,
        url.path,
        ca_file=options.authority,
        keepalive=options.keepalive,
        timeout_s=options.patience,
        tls=url.tls,
        address=options.address,
        expected_answer=answer_shape(json.loads(options.proved.read_text(encoding="utf-8")))
        if options.proved
        else None,
        request=_read_request(options.request) if options.request else PLAIN_REQUEST,
    )


def _read_request(path: Path) -> Request:
    fields = json.loads(path.read_text(encoding="utf-8"))
    headers = tuple((name, value) for name, value in fields["headers"])
    return Request(fields["method"], fields["host"], headers, fields["body"].encode())


def _add_worker_arguments(command: list[str], options: argparse.Namespace) -> None:
    command += [f"--url={options.url}", f"--patience={options.patience}"]
    command += [f"--authority={options.authority}"] if options.authority else []
    command += [f"--address={options.address}"] if options.address else []
    command += [f"--request={options.request}"] if options.request else []
    command += [f"--proved={options.proved}"] if options.proved else []
    command += ["--keepalive"] if options.keepalive else []


if __name__ == "__main__":
    main()
