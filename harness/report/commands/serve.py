"""The arms that a client on another machine pastes into an experiment file of its own."""

from collections.abc import Mapping

from harness.experiment.problems import to_toml
from harness.model import DEFAULT_HOST, Experiment, Settings, Target
from harness.model.settings import LoadSettings

NOTE = "# For an experiment file on another machine. Servers behind a url show no CPU time; run --from does."


def url_arms(experiment: Experiment, targets: Mapping[str, Target]) -> str:
    """Return TOML with an arm for each of `experiment`, which keeps its load, and the pairs that are compared."""
    tables = [_table(arm.name, arm.settings, targets[arm.name]) for arm in experiment.arms if not arm.control_of]
    pairs = [list(pair) for pair in experiment.pairs if not experiment.arm(pair[0]).control_of]
    return "\n\n".join([NOTE, *tables, f"[design]\npairs = {to_toml(pairs)}"])


def _table(name: str, settings: Settings, target: Target) -> str:
    load = settings.model_dump(mode="json", include=set(LoadSettings.model_fields), exclude_defaults=True)
    values = {"url": target.url, "host": settings.host or DEFAULT_HOST, **load}
    if target.ca_file:
        values["authority"] = str(target.ca_file)
    lines = [f"{key} = {to_toml(value)}" for key, value in values.items()]
    return "\n".join([f"[arms.{to_toml(name)}]", *lines])
