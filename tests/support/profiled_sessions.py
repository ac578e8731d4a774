"""Sessions with profiles of known truth: each function takes so many us per request of the app."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.statistics.series import SessionData
from harness.model import Experiment, VisitRow
from harness.model.profile import KERNEL_SUFFIX
from harness.model.record import SessionProfile
from harness.observe.profile import FRAME_POINTERS, TIMER
from harness.observe.recording import TURNS
from harness.store.files import stacks_table
from tests.support.simulated_sessions import experiment_of, session_of

Truth = Mapping[str, Mapping[str, float]]  # by arm and function of the app: us per request
Draw = Callable[[Mapping[str, float], np.random.Generator, str], Mapping[str, int]]
SAMPLES_PER_US = 7  # 700 requests, 10 samples a millisecond
TURN_REQUESTS = 700
TURNS_SD = 0.015  # of the level of an arm under the profiler: the machine becomes faster and slower
BLIND_US = 10.0  # at the end of a request: interrupts are off


def random_samples(us: Mapping[str, float], rng: np.random.Generator, _seed: str) -> Mapping[str, int]:
    """Samples that do not depend on each other."""
    return {function: int(rng.poisson(SAMPLES_PER_US * time_us)) for function, time_us in us.items()}


def timer_samples(us: Mapping[str, float], rng: np.random.Generator, seed: str) -> Mapping[str, int]:
    """Samples of a timer that stands still between requests, which run the functions in their order.

    A sample that is due where interrupts are off comes soon after the start of the next request.
    """
    names, ends_us = list(us), np.cumsum(list(us.values()))
    whole_us, samples = float(ends_us[-1]), Counter[str]()
    for turn in range(TURNS):
        period_us = int(FRAME_POINTERS.options(TIMER, f"{seed}/{turn}")[3]) / 1000
        due_us = float(rng.uniform(0, period_us))
        for length_us in (whole_us * rng.normal(1, 0.03, TURN_REQUESTS)).tolist():
            while due_us < length_us - BLIND_US:
                samples[names[int(np.searchsorted(ends_us, due_us * whole_us / length_us))]] += 1
                due_us += period_us
            due_us = due_us - length_us if due_us >= length_us else BLIND_US
    return samples


def uniform_slowdown(_function: str) -> float:
    """A profiler that slows all functions by a fifth."""
    return 1.2


def kernel_slowdown(function: str) -> float:
    """A profiler that slows the kernel, where it works itself, and hardly what runs long without a system call."""
    return 1.6 if function.endswith(KERNEL_SUFFIX) else 1.05


@dataclass(frozen=True, slots=True)
class Profiler:
    """How a profiler sees functions: what it draws, and how much longer they take meanwhile."""

    draw: Draw = random_samples
    slowdown: Callable[[str], float] = uniform_slowdown


def profiled_session(
    number: int, truth: Truth, others: Mapping[str, Mapping[str, float]], rng: np.random.Generator, profiler: Profiler
) -> SessionData:
    """A session whose CPU time varies by half a percent; `others` are the functions of other roles in all arms."""
    drift = float(rng.normal(1, 0.1))
    cpu_us: dict[str, dict[str, float]] = {arm: {} for arm in truth}
    profiled_us: dict[str, dict[str, float]] = {arm: {} for arm in truth}
    stacks: dict[tuple[str, str, str], int] = {}
    for arm, of_app in truth.items():
        for role, of_role in {"app": of_app, **others}.items():
            level = float(rng.normal(1, TURNS_SD))
            slowed = {function: us * level * profiler.slowdown(function) for function, us in of_role.items()}
            cpu_us[arm][role] = sum(of_role.values()) * drift * float(rng.normal(1, 0.005))
            profiled_us[arm][role] = sum(slowed.values()) * drift
            counts = profiler.draw(slowed, rng, f"{number}/{drift}")
            stacks |= {(arm, role, f"main ({role});{function}"): count for function, count in counts.items()}
    session = session_of({arm: [400.0] * 3 for arm in truth}, number=number, cpu_us=cpu_us)
    bursts = tuple(
        VisitRow(round=0, order=0, arm=arm, requests=TURN_REQUESTS, mean_us=None, cpu_us=us)
        for arm, us in profiled_us.items()
    )
    profile = SessionProfile(event="cpu-clock", bursts=bursts)
    record = session.record.model_copy(update={"profile": profile})
    return SessionData(record, session.requests, stacks_table(stacks))


def profiled_run(
    truth: Truth,
    sessions: int = 8,
    seed: int = 1,
    profiler: Profiler = Profiler(),
    others: Mapping[str, Mapping[str, float]] | None = None,
) -> RunEvidence:
    """A run of the arms in `truth`, all against the first."""
    rng = np.random.default_rng(seed)
    experiment: Experiment = experiment_of(*truth, control=False)
    drawn: Sequence[SessionData] = [
        profiled_session(number, truth, others or {}, rng, profiler) for number in range(1, sessions + 1)
    ]
    return RunEvidence(experiment, drawn)
