"""How much is measured, in which order, and what the pilot saw."""

from typing import Any, Literal

from pydantic import Field

from harness.model.experiment import Experiment
from harness.model.words import Model


class Schedule(Model):
    """How much is measured: what the file fixed, or what the pilot chose.

    `looks` are the numbers of sessions after which the run may stop, the last of them `sessions`. Where `visiting_s` is
    given, a session makes as many rounds as fit into it, and `rounds` is how many were expected. It makes at least
    `fewest_rounds`; in the first `counted_sessions` perf counts. `limit_s` is how many seconds after its start the
    command ends at the latest; None: whenever all is measured.
    """

    sessions: int
    rounds: int
    burst: int
    settle: int
    reason: str
    looks: tuple[int, ...] = ()
    visiting_s: float | None = None
    fewest_rounds: int = 2
    counted_sessions: int = 4
    limit_s: float | None = None


class CurvePoint(Model):
    """How much longer a request takes at `position` after a switch of arms than settled ones; 95 % interval."""

    position: int
    percent: float
    percent_low: float
    percent_high: float


class AllanPoint(Model):
    """What bursts of this length would give: the Allan deviation, and the half width in the time planned."""

    burst: int
    deviation_percent: float
    half_width_percent: float


class Pilot(Model):
    """What a few sessions before the first recorded one showed, and the lengths that follow from it.

    `gain` is how many times wider the interval would be, in the same time, with one arm after the other. `answers`, by
    arm, are like the proofs of a record: what was answered when the run began.
    """

    requests: int
    carry_over: tuple[CurvePoint, ...]
    allan: tuple[AllanPoint, ...]
    settle: int
    burst: int
    session_sd_percent: float
    round_sd_percent: float
    session_s: float
    round_s: float
    half_width_percent: float
    gain: float
    counting_s: float = 0.0  # that perf takes in a session
    slowness: float = 1.0  # times as long as it computes everything takes, because others use the CPUs
    answers: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Plan(Model):
    """`plan.json`: enough to run, resume and analyse; `orders[session][round]` are places in `experiment.arms`.

    Of a long plan `orders` is empty: they follow from the seed. `out_of_time_after`: the run ended with so many
    sessions, because no other would have ended within its time.
    `overrides` are the --set of the command line, which are in `experiment` already. `capacities_per_s`, by arm, are
    what rates that the file gives in percent are parts of; `experiment` has them in requests per second. `allow_global`
    is whether the command line let knobs change values of the whole machine. `run_id` stands in every record of the
    run; runs of earlier versions have none.
    """

    format: Literal[1] = 1
    run_id: str = ""
    overrides: tuple[str, ...] = ()
    experiment: Experiment
    schedule: Schedule
    orders: tuple[tuple[tuple[int, ...], ...], ...]
    pilot: Pilot | None = None
    capacities_per_s: dict[str, float] = Field(default_factory=dict)
    allow_global: bool = False
    out_of_time_after: int | None = None

    @property
    def ended_schedule(self) -> Schedule:
        """The schedule with no more sessions than time allowed; what ended it was the clock, not a look at the data."""
        last = self.out_of_time_after
        if last is None:
            return self.schedule
        looks = tuple(look for look in self.schedule.looks if look < last)
        return self.schedule.model_copy(update={"sessions": last, "looks": (*looks, last)})
