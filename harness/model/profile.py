"""Where a difference is made: functions and subsystems with their CPU time per request."""

from typing import Literal

from pydantic import Field

from harness.model.base import JsonModel
from harness.model.explanation import Interval

KERNEL_SUFFIX = "_[k]"  # of the functions of the kernel in folded stacks, as flamegraph.pl knows it
AmountVerdict = Literal["less", "more", "undecided"]


class ProfilePart(JsonModel):
    """A function or a subsystem of a role: its CPU time per request in both arms, and the difference."""

    role: str
    name: str
    us: Interval
    arm_us: float
    against_us: float
    samples: int  # of both arms
    p: float | None = None
    p_adjusted: float | None = None  # over its kind: by Holm for subsystems, else Benjamini-Hochberg
    verdict: AmountVerdict | None = None
    overlaps: bool = False  # of `inclusive`: undecided, or most of its samples are also of functions before it


class ProfileComparison(JsonModel):
    """The functions and subsystems with at least `least_samples`, the largest differences first.

    `functions` have their own time; `inclusive` are those that call others, with the time of all that they call. Their
    CPU time is their share of the samples times the CPU time of the role in the timed bursts. `cpu_us` is the
    difference in CPU time by role, from the counters, `profiled_cpu_us` the same in the bursts under perf. `slowdowns`
    are the shares of its CPU time that perf added to each role; the ends of intervals of parts lie farther out by them,
    and by what perf slowed one arm more than the other.
    """

    arm: str
    against: str
    event: str
    sessions: int
    least_samples: int
    functions: tuple[ProfilePart, ...]
    inclusive: tuple[ProfilePart, ...] = ()
    subsystems: tuple[ProfilePart, ...]
    cpu_us: dict[str, Interval]
    profiled_cpu_us: dict[str, Interval]
    slowdowns: dict[str, float] = Field(default_factory=dict)
