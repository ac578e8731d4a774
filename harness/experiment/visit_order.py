"""The random order in which each round visits the arms."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from harness.model import Experiment
from harness.model.experiment import CURRENT_ORDERING, Ordering

Order = tuple[int, ...]  # indices of the arms
SessionOrders = tuple[Order, ...]
Comparisons = Mapping[int, Sequence[int]]  # of each arm, the arms that it is compared with


def session_orders(experiment: Experiment, session: int, rounds: int) -> SessionOrders:
    """Return the orders of the first `rounds` rounds of a session."""
    return tuple(islice(draw_orders(experiment, session), rounds))


def draw_orders(experiment: Experiment, session: int, ordering: Ordering = CURRENT_ORDERING) -> Iterator[Order]:
    """Yield a random order of the arms for each round, without end; it depends only on seed, session and pairs.

    Every arm is equally often in every position, and of two arms each is equally often the first. With "neighbours"
    compared arms are near to each other, with "uniform" all orders are equally probable.
    """
    source = random.Random(f"{experiment.design.seed}/{session}")  # noqa: S311 - chance, not secrecy
    arms = range(len(experiment.arms))
    comparisons = _comparisons(experiment)
    centres = list(_group_centres(arms, comparisons))
    while True:
        if ordering == "uniform":
            yield tuple(source.sample(arms, len(arms)))
            continue
        groups = (_draw_group_order(centre, comparisons, source) for centre in source.sample(centres, len(centres)))
        order = tuple(chain.from_iterable(groups))
        start = source.randrange(len(arms))
        yield order[start:] + order[:start]


def _comparisons(experiment: Experiment) -> Comparisons:
    """Return the arms that each arm is compared with. A probe has the arms of some pairs only."""
    places = {arm.name: place for place, arm in enumerate(experiment.arms)}
    comparisons: dict[int, list[int]] = {}
    for first, second in ((places[arm], places[other]) for arm, other in experiment.pairs if {arm, other} <= {*places}):
        comparisons.setdefault(first, []).append(second)
        comparisons.setdefault(second, []).append(first)
    return comparisons


def _group_centres(arms: Iterable[int], comparisons: Comparisons) -> Iterator[int]:
    """Yield, of each group of arms that comparisons connect, the arm with the most of them."""
    reached: set[int] = set()
    for arm in sorted(arms, key=lambda arm: -len(comparisons.get(arm, ()))):
        if arm not in reached:
            yield arm
            reached.update(_walk([arm], comparisons, list, set()))


def _draw_group_order(centre: int, comparisons: Comparisons, source: random.Random) -> Order:
    """Return the arms of a group in a random order in which compared arms are near to each other.

    Machines drift within milliseconds, so the difference of two visits has the less noise the closer they are.
    """

    def shuffle(arms: Sequence[int]) -> list[int]:
        return source.sample(arms, len(arms))

    compared, reached = shuffle(comparisons.get(centre, ())), {centre}
    before, after = (list(_walk(side, comparisons, shuffle, reached)) for side in (compared[::2], compared[1::2]))
    order = (*reversed(before), centre, *after)
    return source.choice((order, order[::-1]))


def _walk(
    starts: Sequence[int], comparisons: Comparisons, shuffle: Callable[[Sequence[int]], list[int]], reached: set[int]
) -> Iterator[int]:
    """Yield `starts`, each followed by the arms that are compared with it, without the arms that are `reached`."""
    waiting = shuffle(starts)
    while waiting:
        arm = waiting.pop()
        if arm not in reached:
            reached.add(arm)
            yield arm
            waiting += shuffle(comparisons.get(arm, ()))
