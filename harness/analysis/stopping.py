"""The stopping rule: at a look, when every interval is as narrow as requested."""

from collections.abc import Mapping, Sequence

from harness.analysis.comparisons import is_control
from harness.model import HEADLINE, Comparison, Difference, Experiment

# False alarms for two equal arms at the worst precision, by the number of looks; simulated in
# tests/unit/analysis/test_analysis_stopping.py.
FALSE_ALARMS_PERCENT: Mapping[int, float] = {1: 5.0, 2: 4.5, 3: 4.3, 4: 4.3}


def stops(experiment: Experiment, looks: Sequence[int], sessions: int, effects: Sequence[Difference]) -> bool:
    """Whether a run may end after `sessions` sessions with these comparisons or main effects.

    Only the width of the intervals decides, at the confidence of the look, never their position. The control does not
    count.
    """
    headline = [effect for effect in effects if effect.metric in HEADLINE and not _is_of_control(experiment, effect)]
    precise = (_is_precise(effect, experiment.design.precision_percent) for effect in headline)
    return sessions in looks and all(precise)


def _is_of_control(experiment: Experiment, effect: Difference) -> bool:
    return isinstance(effect, Comparison) and is_control(experiment, (effect.arm, effect.against))


def _is_precise(effect: Difference, precision_percent: float) -> bool:
    if effect.percent_low is None or effect.percent_high is None:
        return False
    return effect.percent_high - effect.percent_low <= 2 * precision_percent
