"""Sessions with chains of wake-ups of known truth, in us per request."""

from collections.abc import Mapping

import numpy as np

from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.statistics.series import SessionData
from harness.model import VisitRow
from harness.model.record import SessionWaiting
from harness.model.waiting import ArmWaiting, RoleWaiting, WakeLink
from tests.support.simulated_sessions import experiment_of, session_of

LINKS = (("client", "nginx"), ("nginx", "app"), ("app", "nginx"), ("nginx", "client"))
PATH_US = {"client": 20.0, "nginx": 60.0, "app": 200.0}
CPU_US = {"client": 80.0, "nginx": 90.0, "app": 260.0}  # in the timed bursts; of it, PATH_US delays a request
SLOWNESS = 1.25  # of CPU time while traced
Latencies = Mapping[tuple[str, str], float]


def arm_waiting(arm: str, latencies_us: Latencies) -> ArmWaiting:
    links = tuple(
        WakeLink(waker=waker, woken=woken, wakeups=0.01 if us < 1 else 1.0, us=us, median_us=0.9 * us, p99_us=10 * us)
        for (waker, woken), us in latencies_us.items()
    )
    roles = {
        role: RoleWaiting(
            path_us=SLOWNESS * us,
            off_cpu_us=400.0 - us,
            wakeup_median_us=sum(link.median_us for link in links if link.woken == role),
            wakeup_p99_us=sum(link.p99_us for link in links if link.woken == role),
        )
        for role, us in PATH_US.items()
    }
    other_us = {"ready, but another thread runs": 2.0}
    total_us = sum(us for us in latencies_us.values()) + SLOWNESS * sum(PATH_US.values()) + sum(other_us.values())
    return ArmWaiting(
        arm=arm, requests=300, incomplete=1, request_us=total_us, roles=roles, links=links, other_us=other_us
    )


def waiting_run(truth: Mapping[str, Latencies], left_us: float = 0.0, sessions: int = 8) -> RunEvidence:
    """A run whose requests take the CPU time on their way, the wake-ups in `truth` and `left_us`; others are noise."""
    rng = np.random.default_rng(3)
    experiment = experiment_of(*truth, control=False)
    drawn: list[SessionData] = []
    for number in range(1, sessions + 1):
        noisy = {
            arm: {link: us * float(rng.normal(1, 0.02)) for link, us in latencies.items()}
            for arm, latencies in truth.items()
        }
        arms = tuple(arm_waiting(arm, latencies) for arm, latencies in noisy.items())
        times_us = {
            arm: [sum(us.values()) + sum(PATH_US.values()) + 2.0 + left_us + float(rng.normal(0, 0.5))] * 3
            for arm, us in noisy.items()
        }
        session = session_of(times_us, number=number, cpu_us=dict.fromkeys(truth, CPU_US))
        traced_us = {role: SLOWNESS * us for role, us in CPU_US.items()}
        bursts = tuple(
            VisitRow(round=0, order=0, arm=arm.arm, requests=300, mean_us=arm.request_us, cpu_us=traced_us)
            for arm in arms
        )
        record = session.record.model_copy(update={"waiting": SessionWaiting(bursts=bursts, arms=arms)})
        drawn.append(SessionData(record, session.requests))
    return RunEvidence(experiment, drawn)


def chain_of(*latencies_us: float) -> dict[tuple[str, str], float]:
    """The wake-ups client, nginx, app, nginx, client."""
    return dict(zip(LINKS, latencies_us, strict=True))
