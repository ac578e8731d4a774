"""Bursts under perf."""

import pytest

from harness.observe.perf import fitting_requests


@pytest.mark.parametrize(("request_s", "requests"), [(0.0, 200), (0.0004, 200), (0.01, 50), (0.1, 5), (20.0, 5)])
def test_slow_requests_are_fewer_under_perf(request_s: float, requests: int) -> None:
    assert fitting_requests(0.5, request_s) == requests
