"""Sessions with profiles of known truth: each function takes so many us per request of the app."""

from collections.abc import Mapping, Sequence

import numpy as np

from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.statistics.series import SessionData
from harness.model import Experiment, VisitRow
from harness.model.record import SessionProfile
from harness.store.files import stacks_table
from tests.support.simulated_sessions import experiment_of, session_of

Truth = Mapping[str, Mapping[str, float]]  # by arm and function: us per request
SAMPLES_PER_US = 7  # 700 requests, 10 samples a millisecond


def profiled_session(number: int, truth: Truth, rng: np.random.Generator) -> SessionData:
    """A session whose samples are drawn at random, and whose CPU time varies by half a percent."""
    drift = float(rng.normal(1, 0.1))
    totals = {arm: sum(us.values()) * drift for arm, us in truth.items()}
    cpu_us = {arm: {"app": total * float(rng.normal(1, 0.005))} for arm, total in totals.items()}
    session = session_of({arm: [400.0] * 3 for arm in truth}, number=number, cpu_us=cpu_us)
    stacks = {
        (arm, "app", f"main (app);{function}"): int(rng.poisson(SAMPLES_PER_US * us))
        for arm, of_arm in truth.items()
        for function, us in of_arm.items()
    }
    bursts = tuple(
        VisitRow(round=0, order=0, arm=arm, requests=700, mean_us=None, cpu_us={"app": 1.2 * us["app"]})
        for arm, us in cpu_us.items()
    )
    profile = SessionProfile(event="cpu-clock", bursts=bursts)
    record = session.record.model_copy(update={"profile": profile})
    return SessionData(record, session.requests, stacks_table(stacks))


def profiled_run(truth: Truth, sessions: int = 8, seed: int = 1) -> RunEvidence:
    """A run of the arms in `truth`, all against the first."""
    rng = np.random.default_rng(seed)
    experiment: Experiment = experiment_of(*truth, control=False)
    drawn: Sequence[SessionData] = [profiled_session(number, truth, rng) for number in range(1, sessions + 1)]
    return RunEvidence(experiment, drawn)
