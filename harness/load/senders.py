"""Choose how the requests of an arm are sent: one by one, concurrently, at a rate, or by a tool."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Protocol

from harness.errors import MachineError
from harness.lab.programs import find_program
from harness.load.client import Burst, client
from harness.load.crowd.arrivals import lengths, poisson_ns
from harness.load.crowd.busy import busy_burst
from harness.load.crowd.loop import crowd
from harness.load.crowd.paced import paced_burst
from harness.load.crowd.search import Search, Step
from harness.load.outside import visit_outside
from harness.model import Arm, LoadTool, Outcome, Settings, Target

Seen = Burst | Outcome | Step
OneByOne = Callable[[int, int], Burst]
Timed = Callable[[int, int, int], Seen]


class Send(Protocol):
    """A function that sends `settle` untimed and then `timed` requests; if `timed` is 0, one after the other."""

    def __call__(self, settle: int, timed: int, round_: int = 0) -> Seen:
        """Send the requests and return the result."""
        ...


@contextmanager
def sender(arm: Arm, target: Target, tool: LoadTool | None, directory: Path, seed: str) -> Iterator[Send]:
    """Yield the function that sends the requests of an arm; `seed` and the round determine the times of an open loop.

    A tool writes its files to `directory`.
    """
    with client(target) as burst:
        if tool:
            yield _sending(burst, _by_tool(tool, burst, arm.settings, target, directory))
        elif arm.settings.one_by_one:
            yield _sending(burst, lambda settle, timed, _: burst(settle, timed))
        else:
            with _by_crowd(arm.settings, target, seed) as timed:
                yield _sending(burst, timed)


def _sending(burst: OneByOne, by_settings: Timed) -> Send:
    def send(settle: int, timed: int, round_: int = 0) -> Seen:
        return by_settings(settle, timed, round_) if timed else burst(settle, 0)

    return send


@contextmanager
def _by_crowd(settings: Settings, target: Target, seed: str) -> Iterator[Timed]:
    with crowd(target) as pool:
        search = Search(pool, settings.p99_limit_ms)

        def search_capacity(_settle: int, _timed: int, round_: int) -> Seen:
            return search.step(f"{seed}/{round_}")

        def send_closed_loop(settle: int, timed: int, _round: int) -> Seen:
            return busy_burst(pool, settings.connections, settle, timed)

        def send_open_loop(settle: int, timed: int, round_: int) -> Seen:
            rate_per_s = float(settings.rate)
            settle, timed = lengths(rate_per_s, settle, timed)
            return paced_burst(pool, poisson_ns(rate_per_s, settle + timed, f"{seed}/{round_}"), settle)

        yield search_capacity if settings.p99_limit_ms else send_open_loop if settings.rate else send_closed_loop


def _by_tool(tool: LoadTool, burst: OneByOne, settings: Settings, target: Target, directory: Path) -> Timed:
    """Return a function that settles with our client and then runs the tool once, whatever the length of a burst."""
    program = find_program(tool.program)
    if program is None:
        raise MachineError(f"There is no program {tool.program!r} any more. {tool.install}")
    runs = count(1)

    def run(settle: int, _timed: int, _round: int) -> Seen:
        failures: Counter[str] = Counter()

        def settle_first() -> None:
            failures.update(burst(settle, 0).failures)

        outcome = visit_outside(tool, program, target, settings, directory / f"{next(runs):04}", settle_first)
        return replace(outcome, failures=failures + Counter(outcome.failures))

    return run
