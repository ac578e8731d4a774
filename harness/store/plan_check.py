"""Check a stored plan for contradictions and unknown arms."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from harness.model import Experiment, Plan, Schedule
from harness.model.experiment import MAX_PER_SESSION, MAX_SESSIONS

MAX_LISTED = 3


def plan_problems(plan: Plan) -> Iterator[str]:
    """Yield a phrase for each contradiction in `plan`."""
    yield from _experiment_problems(plan.experiment)
    yield from _schedule_problems(plan.schedule)
    last = plan.out_of_time_after
    if last is not None and not 1 <= last <= plan.schedule.sessions:
        yield f"out_of_time_after is {short_repr(last)}, which is not from 1 to {short_repr(plan.schedule.sessions)}"
    yield from _unknown_arms("capacities_per_s", plan.capacities_per_s, plan.experiment)
    if any(capacity <= 0 for capacity in plan.capacities_per_s.values()):
        yield "capacities_per_s has a capacity of 0 or less"
    if plan.orders:
        yield from _order_problems(plan)


def _experiment_problems(experiment: Experiment) -> Iterator[str]:
    names = [arm.name for arm in experiment.arms]
    if not names:
        yield "it has no arms"
    if len(set(names)) < len(names):
        yield f"two arms have the name {next(name for name in names if names.count(name) > 1)!r}"
    if not experiment.pairs:
        yield "it compares no pairs of arms"
    yield from _unknown_arms("pairs", (name for pair in experiment.pairs for name in pair), experiment)
    yield from (f"pairs compares {arm!r} with itself" for arm, against in experiment.pairs if arm == against)
    yield from _unknown_arms("control_of", filter(None, (arm.control_of for arm in experiment.arms)), experiment)
    yield from _unknown_arms("levels", experiment.levels, experiment)
    if len({frozenset(levels) for levels in experiment.levels.values()}) > 1:
        yield "levels has other factors for one arm than for another"


def _schedule_problems(schedule: Schedule) -> Iterator[str]:
    limits = {
        "sessions": (1, MAX_SESSIONS),
        "rounds": (1, MAX_PER_SESSION),
        "burst": (0, MAX_PER_SESSION),
        "settle": (0, MAX_PER_SESSION),
    }
    for name, (least, most) in limits.items():
        value = getattr(schedule, name)
        if not least <= value <= most:
            yield f"schedule.{name} is {short_repr(value)}, which is not from {least} to {most}"
    looks = schedule.looks
    rising = all(earlier < later for earlier, later in pairwise(looks))
    if looks and (not rising or looks[0] < 1 or looks[-1] != schedule.sessions):
        yield f"schedule.looks does not rise to the {short_repr(schedule.sessions)} sessions"
    if schedule.visiting_s is not None and schedule.visiting_s <= 0:
        yield f"schedule.visiting_s is {schedule.visiting_s:g}, which is not more than 0"


def _order_problems(plan: Plan) -> Iterator[str]:
    if len(plan.orders) != plan.schedule.sessions:
        yield f"orders has {len(plan.orders)} sessions, schedule {short_repr(plan.schedule.sessions)}"
    places = list(range(len(plan.experiment.arms)))
    wrong = [
        number
        for number, rounds in enumerate(plan.orders, 1)
        if not rounds or any(sorted(order) != places for order in rounds)
    ]
    if wrong:
        yield f"orders does not visit every arm once in each round of session {wrong[0]}"


def _unknown_arms(where: str, names: Iterable[str], experiment: Experiment) -> Iterator[str]:
    known = {arm.name for arm in experiment.arms}
    if missing := [name for name in dict.fromkeys(names) if name not in known]:
        more = f" and {len(missing) - MAX_LISTED} more" if len(missing) > MAX_LISTED else ""
        yield f"{where} names an arm that is not there: {', '.join(map(short_repr, missing[:MAX_LISTED]))}{more}"


def short_repr(value: object) -> str:
    """Return `value` on one short line; Python refuses to print numbers of thousands of digits."""
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]} ..."
