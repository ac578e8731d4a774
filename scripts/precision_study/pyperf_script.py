"""The program that pyperf runs: a benchmark of one request over a connection of its own, --target=HOST:PORT."""

import argparse

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import LoadError
from harness.load.exchange import Endpoint, on_own_connection

TIMEOUT_S = 10.0


def time_requests_s(loops: int, endpoint: Endpoint, request: bytes) -> float:
    """The time of `loops` requests, one after the other. Raises LoadError when one fails."""
    total_ns = 0
    for _ in range(loops):
        seen = on_own_connection(endpoint, request)
        if seen.fault:
            raise LoadError(f"A request of {endpoint.address} failed: {seen.fault}.")
        total_ns += seen.end_ns - seen.start_ns
    return total_ns / 1e9


def to_workers(command: list[str], arguments: argparse.Namespace) -> None:
    command.append(f"--target={arguments.target}")


def main() -> None:
    runner = pyperf.Runner(program_args=("-m", "scripts.precision_study.pyperf_script"), add_cmdline_args=to_workers)
    runner.argparser.add_argument("--target", required=True, metavar="HOST:PORT")
    target = runner.parse_args().target
    host, _, port = target.partition(":")
    endpoint = Endpoint((host, int(port)), TIMEOUT_S, tls=None)
    request = f"GET / HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n".encode("ascii")
    runner.bench_time_func("request", time_requests_s, endpoint, request)


if __name__ == "__main__":
    main()
