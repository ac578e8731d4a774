"""Read an experiment file as an Experiment, or raise one ConfigError with all problems."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness.errors import ConfigError, raise_all
from harness.experiment.arms import arms_of, name_problems
from harness.experiment.check import sound
from harness.experiment.document import Document, design_problems, read_document, setting_problems
from harness.experiment.expected import null_problems, tcp_only, whole_name
from harness.experiment.limits import arm_problems
from harness.experiment.pairs import against_problems, control_of, counterpart_problems, pair_problems, pairs_of
from harness.experiment.screens import Run, level_names, runs_of, screen_problems, screened_arms
from harness.experiment.services import service_problems
from harness.experiment.sizes import count_problems, effort_problems
from harness.model import Arm, Design, Experiment

PATHS = ("app_dir", "authority")  # settings that are paths


def read_experiment(path: Path, overrides: Iterable[str] = ()) -> Experiment:
    """Return the experiment at `path` with `overrides` (KEY.PATH=VALUE) applied. Raises ConfigError."""
    try:
        return from_here(experiment_of(read_document(path, overrides)))
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply. An experiment needs only tables within tables.") from None


def from_here(experiment: Experiment) -> Experiment:
    """Return the experiment with absolute paths, so that it can be resumed from another directory."""
    return experiment.model_copy(update={"arms": tuple(map(_with_whole_path, experiment.arms))})


def _with_whole_path(arm: Arm) -> Arm:
    paths = {key: str(Path(path).absolute()) for key in PATHS if (path := getattr(arm.settings, key))}
    return arm.model_copy(update={"settings": arm.settings.model_copy(update=paths)}) if paths else arm


def experiment_of(document: Document) -> Experiment:
    """Build the experiment. Raises ConfigError with all problems inside the tables of `document`."""
    design = sound(Design, document.design)
    if too_many := list(count_problems(document, design)):
        raise_all([*too_many, *map(str, setting_problems(document)), *map(str, design_problems(document))], ConfigError)
    runs = _runs(document, design)
    arms = screened_arms(document, runs) if design.screen else arms_of(document)
    raise_all(dict.fromkeys(_problems(document, arms, design)), ConfigError)
    pairs = pairs_of(arms, design)
    if design.control:
        control = control_of(arms, pairs)
        arms.append(control)
        pairs.insert(0, (control.name, str(control.control_of)))
    experiment = Experiment(
        name=document.name,
        question=document.question,
        arms=tuple(arms),
        pairs=tuple(pairs),
        design=design.model_copy(update={"expect_null": tuple(map(whole_name, design.expect_null))}),
        levels=level_names(runs),
        tcp_only=tcp_only(arms),
    )
    raise_all(effort_problems(experiment), ConfigError)
    return experiment


def _runs(document: Document, design: Design) -> list[Run]:
    """Return the runs of a screen; an empty list without a valid screen."""
    return runs_of(document, design) if design.screen and not list(screen_problems(document, design)) else []


def _problems(document: Document, arms: Sequence[Arm], design: Design) -> Iterator[str]:
    """Yield all problems; `arms` and `design` are made of the valid keys.

    Whether arms have counterparts is checked only if all settings are valid.
    """
    names = [arm.name for arm in arms]
    settings = [*setting_problems(document), *service_problems(document), *screen_problems(document, design)]
    against = [*against_problems(arms, design), *pair_problems(names, design)]
    yield from map(str, (*settings, *design_problems(document), *against))
    yield from name_problems(names)
    yield from arm_problems(arms)
    if not settings and not against:
        yield from map(str, counterpart_problems(arms, design))
        yield from map(str, null_problems(arms, design))
