"""An experiment file becomes an Experiment, or one ConfigError that says every problem."""

from collections.abc import Iterable
from pathlib import Path

from harness.errors import ConfigError, raise_all
from harness.experiment.arms import arms_of, control_of, pair_problems, pairs_of
from harness.experiment.document import Document, read_document
from harness.experiment.limits import arm_problems
from harness.model import Design, Experiment


def read_experiment(path: Path, overrides: Iterable[str] = ()) -> Experiment:
    """The experiment at `path` with `overrides` (KEY.PATH=VALUE) on top. Raises ConfigError."""
    return experiment_of(read_document(path, overrides))


def experiment_of(document: Document) -> Experiment:
    arms = arms_of(document)
    design = Design.model_validate(document.design)
    problems = [*pair_problems(arms, design), *(problem for arm in arms for problem in arm_problems(arm))]
    raise_all(dict.fromkeys(problems), ConfigError)
    pairs = pairs_of(arms, design)
    if design.control:
        control = control_of(arms, pairs)
        arms.append(control)
        pairs.insert(0, (control.name, str(control.control_of)))
    return Experiment(
        name=document.name,
        question=document.question,
        arms=tuple(arms),
        pairs=tuple(pairs),
        design=design,
    )
