"""The runtime's share: the time per request of a container less that of the bare arm."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.analysis.across.welch import difference
from harness.analysis.bursts import Series
from harness.analysis.estimate import estimate
from harness.analysis.validation.arms import bare_arm, connections_of
from harness.analysis.validation.numbers import amount_of
from harness.analysis.validation.rows import by_row, certainty_of, times_us
from harness.analysis.why.per_session import amount, level
from harness.analysis.why.quantities import time_us
from harness.model import Amount, Record, Summary
from harness.model.foreign import Foreign
from harness.model.validation import Share


def shares_of(summary: Summary, records: Sequence[Record], foreign: Sequence[Foreign]) -> Iterator[Share]:
    """Yield the share of each architecture at each place whose runs can be compared with a bare arm."""
    for (where, architecture), runs in by_row(foreign).items():
        arm = bare_arm(summary, architecture, runs[0].transport)
        if arm and times_us(runs) and _is_like(runs, connections_of(summary.arms[arm])):
            bare = level(records, arm, time_us, "mean")
            bare_us = amount(bare)
            if bare_us:
                yield _share((where, architecture), runs, arm, (np.array(list(bare.values())), bare_us))


def _is_like(runs: Sequence[Foreign], connections: int) -> bool:
    """Whether no request failed and the number of connections is the same."""
    return all(not run.failures and run.connections in (None, connections) for run in runs)


def _share(key: tuple[str, str], runs: Sequence[Foreign], arm: str, bare: tuple[Series, Amount]) -> Share:
    per_session, bare_us = bare
    container, interval = certainty_of(runs)
    both = container if per_session.size > 1 else None
    mean_us = float(np.mean(times_us(runs)))
    return Share(
        where=key[0],
        architecture=key[1],
        transport=runs[0].transport,
        arm=arm,
        container_us=amount_of(container) if container else Amount(value=mean_us),
        bare_us=bare_us,
        us=amount_of(difference(estimate(per_session), both)) if both else Amount(value=mean_us - bare_us.value),
        interval=interval if both else "",
    )
