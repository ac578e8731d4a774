"""Remove the arms that this machine cannot run from an experiment, and report them."""

from collections.abc import Iterator, Mapping, Sequence

from harness.experiment.pairs import Pair, control_of
from harness.model import Arm, Experiment


def without(experiment: Experiment, reasons: Mapping[str, str]) -> Experiment:
    """Return the experiment without the arms of `reasons`, which `left_out` then holds, except the control's.

    An arm whose reference is removed is compared with the reference of that reference.
    """
    arms = [arm for arm in experiment.arms if arm.name not in reasons]
    pairs = list(_pairs(experiment, reasons))
    if experiment.design.control and pairs and all(arm.control_of is None for arm in arms):
        control = control_of(arms, pairs)
        arms.append(control)
        pairs.insert(0, (control.name, str(control.control_of)))
    left_out = {arm.name: reasons[arm.name] for arm in experiment.arms if _is_gone(arm, reasons)}
    return experiment.model_copy(update={"arms": tuple(arms), "pairs": tuple(pairs), "left_out": left_out})


def sentences(left_out: Mapping[str, str]) -> list[str]:
    """Return a sentence for each reason, with all its arms."""
    arms_of: dict[str, list[str]] = {}
    for arm, reason in left_out.items():
        arms_of.setdefault(reason, []).append(arm)
    return [f"{_listed(arms)}: {reason}" for reason, arms in arms_of.items()]


def _is_gone(arm: Arm, reasons: Mapping[str, str]) -> bool:
    return arm.name in reasons and arm.control_of is None


def _pairs(experiment: Experiment, reasons: Mapping[str, str]) -> Iterator[Pair]:
    against = dict(experiment.pairs)
    for arm, reference in experiment.pairs:
        if arm in reasons:
            continue
        while reference in reasons and reference in against:
            reference = against[reference]
        if reference not in reasons:
            yield arm, reference


def _listed(arms: Sequence[str]) -> str:
    return f"{'Arm' if len(arms) == 1 else 'Arms'} {', '.join(map(repr, arms))}"
