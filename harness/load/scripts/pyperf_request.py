"""Benchmark one request with pyperf's Runner, in worker processes that calibrate and warm up."""

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from harness.errors import LoadError
from harness.load.burst import Exchange
from harness.load.client import open_exchange
from harness.load.pyperf_runner import make_runner, parse_options, run_benchmark, run_program
from harness.model import PLAIN_REQUEST, Request, Target
from harness.model.http import answer_shape, parse_url
from harness.testbed.machine.pyperf import remove_names

BENCHMARK = "request"


def run(arguments: Sequence[str]) -> None:
    """Run `--url=http://127.0.0.1:8080/` with any option of pyperf's Runner. Raises LoadError."""
    runner = make_runner("harness.load.scripts.pyperf_request", _worker_arguments)
    runner.argparser.add_argument("--url", required=True)
    runner.argparser.add_argument("--authority", type=Path, help="CA bundle (PEM) to trust")
    runner.argparser.add_argument("--address", default="", help="resolved address of the url's host")
    runner.argparser.add_argument("--keepalive", action="store_true", help="send all requests over one connection")
    runner.argparser.add_argument("--request", type=Path, help="JSON file with method, headers and body")
    runner.argparser.add_argument("--proved", type=Path, help="JSON file with the shape of a right answer")
    runner.argparser.add_argument("--patience", type=float, default=10.0, help="timeout of a request in seconds")
    options = parse_options(runner, arguments)
    with open_exchange(_make_target(options)) as exchange:
        run_benchmark(runner, BENCHMARK, partial(time_requests_s, exchange=exchange))
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


def _worker_arguments(options: argparse.Namespace) -> list[str]:
    named = {name: getattr(options, name) for name in ("url", "patience", "authority", "address", "request", "proved")}
    given = [f"--{name}={value}" for name, value in named.items() if value]
    return [*given, "--keepalive"] if options.keepalive else given


if __name__ == "__main__":
    run_program(run)
