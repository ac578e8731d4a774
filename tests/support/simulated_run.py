"""A run that never was, with everything that a run leaves: for tests that need a whole one without measuring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from harness.analysis.statistics.series import SessionData
from harness.analysis.summary import run_summary
from harness.experiment.plan import plan_of
from harness.model import (
    AllanPoint,
    Arm,
    CarryOverPoint,
    Design,
    Doubt,
    Experiment,
    Pilot,
    Plan,
    Record,
    Schedule,
    Settings,
    Summary,
    VisitRow,
)

Times = NDArray[np.float64]

LEVEL_US = 400.0
BURST = 6
CPUS = {"client": [1], "nginx": [1], "app": [0]}
HOST: Mapping[str, Any] = {
    "kernel": {"release": "6.12.0", "machine": "x86_64", "command_line": "mitigations=auto"},
    "system": "Example Linux 12",
    "cpus": {
        "models": [{"vendor_id": "Example", "model name": "Example CPU 3000"}],
        "online": "0-1",
        "allowed": "0-1",
        "frequency": [{"cpus": "0-1", "scaling_driver": "acpi-cpufreq", "scaling_governor": "performance"}],
        "mitigations": {"meltdown": "Not affected", "spectre_v2": "Mitigation: Retpolines", "mds": "Vulnerable"},
    },
    "virtual": {"machine": "kvm", "container": None},
    "memory": {"total_bytes": 8 * 2**30, "transparent_hugepages": {"enabled": "always [madvise] never"}},
    "clock": {"current_clocksource": "tsc"},
    "sysctls": {"net.ipv4.tcp_congestion_control": "cubic", "net.core.somaxconn": "4096"},
    "mounts": {"/dev/shm": {"kind": "tmpfs", "mount_point": "/dev/shm", "options": ["rw", "relatime"]}},
    "python": {"version": "3.12.1", "implementation": "CPython", "barehop": "0.1.0", "distributions": {"uvloop": "1"}},
    "programs": {"nginx": "nginx version: nginx/1.26.0\nbuilt with OpenSSL 3.0.0\nconfigure arguments: --with-threads"},
}
PILOT = Pilot(
    requests=2400,
    carry_over=tuple(
        CarryOverPoint(position=place, percent=extra, percent_low=extra - 0.8, percent_high=extra + 0.8)
        for place, extra in enumerate([9.1, 2.6, 0.6, 0.2, -0.1, 0.1, 0.0, -0.2, 0.1, 0.0])
    ),
    allan=tuple(
        AllanPoint(burst=burst, deviation_percent=5 / burst**0.5, half_width_percent=0.3 + 0.002 * abs(burst - 6))
        for burst in (1, 2, 4, 6, 8, 16, 32, 64)
    ),
    settle=2,
    burst=BURST,
    session_sd_percent=0.8,
    round_sd_percent=5.0,
    session_s=1.2,
    round_s=0.02,
    half_width_percent=0.4,
    gain=9.0,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a run is to show; see `run_of`."""

    truth: Mapping[str, float]
    failures: Mapping[str, int]
    doubts: Sequence[Doubt]
    raw: bool


@dataclass(frozen=True, slots=True)
class Run:
    summary: Summary
    plan: Plan
    host: Mapping[str, Any]
    sessions: tuple[SessionData, ...]


def run_of(  # noqa: PLR0913 - all that runs may differ in
    truth: Mapping[str, float],
    *,
    against: str | Mapping[str, str] = "",
    sessions: int = 8,
    rounds: int = 40,
    pilot: Pilot | None = None,
    failures: Mapping[str, int] | None = None,
    doubts: Sequence[Doubt] = (),
    raw: bool = True,
    experiment: Experiment | None = None,
) -> Run:
    """Arms that take `truth` times 400 us, and a control; `against` is one reference, or one for each compared arm.

    `failures` are per arm, in the first session; `doubts` stand in every session; without `raw` no time of a single
    request is known. With an `experiment` its arms are those that take `truth`.
    """
    imagined = experiment or _experiment(list(truth), against or next(iter(truth)))
    plan = _plan(imagined, sessions, rounds).model_copy(update={"pilot": pilot})
    scene, rng = Scene(truth, failures or {}, doubts, raw), np.random.default_rng(1)
    seen = tuple(_session(number, scene, plan, rng) for number in range(1, sessions + 1))
    summary = run_summary(
        plan.experiment,
        seen,
        directory="results/imagined",
        schedule=plan.schedule,
        seconds_total=2.5 * sessions,
    )
    return Run(summary.model_copy(update={"overrides": plan.overrides}), plan, HOST, seen)


def _experiment(names: Sequence[str], against: str | Mapping[str, str]) -> Experiment:
    pairs = _with_each(names, against) if isinstance(against, str) else dict(against)
    reference = next(iter(pairs.values()))
    settings = {name: Settings(transport=name if name.startswith("uds-") else "tcp") for name in names}
    control = Arm(name="control", settings=settings[reference], control_of=reference)
    return Experiment(
        name="imagined",
        question="Is a Unix socket on tmpfs faster than TCP loopback between nginx and the app?",
        arms=(*(Arm(name=name, settings=settings[name]) for name in names), control),
        pairs=(("control", reference), *pairs.items()),
        design=Design(against="" if isinstance(against, str) else {"transport": "tcp"}),
    )


def _plan(experiment: Experiment, sessions: int, rounds: int) -> Plan:
    schedule = Schedule(
        sessions=max(sessions, 2), rounds=rounds, burst=BURST, settle=2, reason="as the pilot chose", looks=(4, 6, 8)
    )
    return plan_of(experiment, schedule, ("design.budget_s=20",))


def _with_each(names: Sequence[str], reference: str) -> dict[str, str]:
    return {name: reference for name in names if name != reference}


def _session(number: int, scene: Scene, plan: Plan, rng: np.random.Generator) -> SessionData:
    arms = plan.experiment.arms
    times_us = _times_us(plan.schedule.rounds, [scene.truth[arm.control_of or arm.name] for arm in arms], rng)
    seen = [
        (round_, order, arms[place].name, times_us[round_, place])
        for round_, places in enumerate(plan.orders[number - 1])
        for order, place in enumerate(places)
    ]
    record = Record(
        session=number,
        started_utc=f"2026-03-01T10:00:{2 * number % 60:02}+00:00",
        seconds={"total": 2.5, "visiting": 1.5, "other": 1.0},
        schedule=plan.schedule,
        proofs={arm.name: {"cpus": CPUS} for arm in arms},
        failures={arm: {"502": count} for arm, count in scene.failures.items() if number == 1},
        visits=tuple(_visit(*one) for one in seen),
        doubts=tuple(scene.doubts),
    )
    return SessionData(record, _requests(seen) if scene.raw else pl.DataFrame())


def _times_us(rounds: int, factors: Sequence[float], rng: np.random.Generator) -> Times:
    """(rounds, arms, burst): a level that wanders, what a fresh start does to an arm, and now and then a stall."""
    shape = (rounds, len(factors), BURST)
    level_us = LEVEL_US * np.exp(rng.normal(0, 0.12) + np.cumsum(rng.normal(0, 0.02, rounds)))
    of_arms = np.asarray(factors) * np.exp(rng.normal(0, 0.004, len(factors)))
    times_us: Times = (level_us[:, None] * of_arms)[..., None] * np.exp(rng.gamma(1, 0.05, shape))
    return times_us + (rng.random(shape) < 0.01) * rng.exponential(3000, shape)


def _visit(round_: int, order: int, arm: str, times_us: Times) -> VisitRow:
    mean_us = float(times_us.mean())
    cpu_us = {"nginx": 0.2 * mean_us, "app": 0.6 * mean_us}
    return VisitRow(round=round_, order=order, arm=arm, requests=times_us.size, mean_us=mean_us, cpu_us=cpu_us)


def _requests(seen: Sequence[tuple[int, int, str, Times]]) -> pl.DataFrame:
    times_ns = [(arm, int(1000 * time_us)) for _, _, arm, times_us in seen for time_us in times_us]
    table = pl.DataFrame(times_ns, schema={"arm": pl.String, "latency_ns": pl.Int64}, orient="row")
    return table.with_columns(late_ns=pl.lit(0, pl.Int64))
