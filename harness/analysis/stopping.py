"""When a run has measured enough: at a look, when every interval is as narrow as was asked."""

from collections.abc import Mapping, Sequence

from harness.analysis.comparisons import is_control
from harness.model import HEADLINE, Comparison, Difference, Experiment

# How often the rule calls one of two equal arms different, at the precision that makes it so most often, by the
# number of looks. Simulated, and held by tests/unit/analysis/test_analysis_stopping.py.
FALSE_ALARMS_PERCENT: Mapping[int, float] = {1: 5.0, 2: 4.5, 3: 4.3, 4: 4.3}


def stops(experiment: Experiment, looks: Sequence[int], sessions: int, found: Sequence[Difference]) -> bool:
    """Whether a run may end after so many `sessions`, which gave what it is about: comparisons, or a screen's effects.

    Only the width of the intervals decides, at the look's own confidence, never where they lie; the control's, which
    is no question, does not count.
    """
    asked = [one for one in found if one.metric in HEADLINE and not _is_of_control(experiment, one)]
    precise = (_is_precise(one, experiment.design.precision_percent) for one in asked)
    return sessions in looks and all(precise)


def _is_of_control(experiment: Experiment, one: Difference) -> bool:
    return isinstance(one, Comparison) and is_control(experiment, (one.arm, one.against))


def _is_precise(one: Difference, precision_percent: float) -> bool:
    if one.percent_low is None or one.percent_high is None:
        return False
    return one.percent_high - one.percent_low <= 2 * precision_percent
