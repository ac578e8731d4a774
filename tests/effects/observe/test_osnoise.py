"""The loop that looks at the clock, on real CPUs."""

import gc
import os

from harness.observe.host.noise import measure_osnoise


def test_each_cpu_is_watched_and_we_are_back_where_we_were() -> None:
    before = os.sched_getaffinity(0)
    for cpu in before:
        gaps = measure_osnoise(cpu, 0.05)
        assert gaps.cpu == cpu
        assert gaps.seconds >= 0.05
        assert 0 <= gaps.longest_us <= gaps.lost_us <= gaps.seconds * 1e6
        assert (gaps.count == 0) == (gaps.lost_us == 0)
    assert os.sched_getaffinity(0) == before
    assert gc.isenabled()
