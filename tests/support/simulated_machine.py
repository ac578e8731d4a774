"""A machine of known noise, request by request: its pilots, and its sessions as they would be measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.pilot import PilotSession
from harness.experiment.constraints import OWN_CLIENT
from harness.experiment.cost import Cost
from harness.model import Experiment, Schedule, Visit

Floats = NDArray[np.float64]

FASTER = 0.89  # the truth of every arm but the references


@dataclass(frozen=True, slots=True)
class Machine:
    """Slow requests, so that few rounds fill the time and a test is quick; the rest is a cloud machine's."""

    request_us: float = 5000.0
    noise: float = 0.04  # of a single request
    drift: float = 0.003  # a request's step of the random walk that all arms share
    session_sd: float = 0.004  # what a fresh start does to an arm
    slower_first_us: float = 500.0  # the first request after a switch of arms
    settling: float = 1.0  # requests in which that falls to 1/e
    stolen: float = 0.002  # share of requests that lose CPU time
    stolen_us: float = 10_000.0
    start_s: float = 1.0
    switch_us: float = 400.0

    def times_us(self, rng: np.random.Generator, shape: tuple[int, int, int, int], factors: Sequence[float]) -> Floats:
        """(sessions, rounds, arms, positions): every round visits all arms in an order of its own."""
        sessions, rounds, arms, positions = shape
        walk = np.cumsum(rng.normal(0, self.drift, (sessions, rounds * arms * positions)), axis=1).reshape(shape)
        order = np.argsort(rng.random((sessions, rounds, arms)), axis=2)
        level = np.take_along_axis(walk, order[..., None], axis=2) + rng.normal(0, 0.1, (sessions, 1, 1, 1))
        starts = rng.normal(0, self.session_sd, (sessions, 1, arms, 1))
        noise = rng.normal(0, self.noise, shape)
        settling_us = self.slower_first_us * np.exp(-np.arange(positions) / self.settling)
        times_us: Floats = self.request_us * np.exp(level + starts + noise) * np.asarray(factors)[:, None]
        times_us += settling_us
        struck = rng.integers(times_us.size, size=rng.binomial(times_us.size, self.stolen))
        times_us.ravel()[struck] += rng.exponential(self.stolen_us, struck.size)
        return times_us

    def cost(self, experiment: Experiment, settle: int, burst: int) -> Cost:
        round_s = len(experiment.arms) * (self.switch_us + (settle + burst) * self.request_us) / 1e6
        return Cost(session_s=self.start_s, round_s=round_s, source="as simulated")

    def pilot(self, rng: np.random.Generator, experiment: Experiment, trial: Schedule) -> list[PilotSession]:
        """What a pilot of that shape would bring; an outside tool's run shows its mean alone."""
        shape = (trial.sessions, trial.rounds, len(experiment.arms), trial.settle + trial.burst)
        return [
            PilotSession(
                visits=self._visits(rng, experiment, times_us[..., trial.settle :]),
                visiting_s=(times_us.sum() + self.switch_us * shape[1] * shape[2]) / 1e6,
                session_s=self.start_s,
            )
            for times_us in self.times_us(rng, shape, truths(experiment))
        ]

    def effects(self, rng: np.random.Generator, experiment: Experiment, schedule: Schedule, runs: int) -> Floats:
        """The session effects of so many runs, (runs, pairs, sessions): medians over rounds of log ratios."""
        arms = [arm.name for arm in experiment.arms]
        shape = (runs * schedule.sessions, schedule.rounds, len(arms), schedule.settle + schedule.burst)
        bursts_us = self.times_us(rng, shape, truths(experiment))[..., schedule.settle :].mean(axis=-1)
        logs = np.log(bursts_us)
        ratios = [logs[..., arms.index(arm)] - logs[..., arms.index(against)] for arm, against in experiment.pairs]
        per_session: Floats = np.median(ratios, axis=-1).reshape(len(ratios), runs, schedule.sessions)
        return per_session.swapaxes(0, 1)

    def _visits(self, rng: np.random.Generator, experiment: Experiment, times_us: Floats) -> list[Visit]:
        """One session's, round by round, from (rounds, arms, positions)."""
        visits = []
        for number, of_round in enumerate(times_us):
            for order, place in enumerate(rng.permutation(len(experiment.arms))):
                arm = experiment.arms[place]
                visits.append(_visit(number, order, arm.name, of_round[place], seen=arm.settings.tool == OWN_CLIENT))
        return visits


def truths(experiment: Experiment) -> list[float]:
    """1 for what others are compared with, and its control; 0.89 for the rest."""
    references = {against for _, against in experiment.pairs}
    return [1.0 if {arm.name, arm.control_of} & references else FASTER for arm in experiment.arms]


def _visit(round_: int, order: int, arm: str, times_us: Floats, *, seen: bool) -> Visit:
    mean_us = float(times_us.mean())
    if not seen:
        return Visit(round=round_, order=order, arm=arm, requests=1000, mean_us=mean_us)
    starts_ns = np.cumsum([0, *times_us[:-1]]) * 1000
    return Visit(
        round=round_,
        order=order,
        arm=arm,
        requests=times_us.size,
        mean_us=mean_us,
        positions=tuple(range(times_us.size)),
        start_ns=tuple(starts_ns.astype(int).tolist()),
        latency_ns=tuple((1000 * times_us).astype(int).tolist()),
    )
