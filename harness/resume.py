"""Resume a run: open its results and compare the machine with what it was."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.analysis.across.since import changes_since, describe, is_decisive
from harness.conclude import check_results
from harness.conduct import is_precise
from harness.errors import ConfigError, MachineError
from harness.evidence.store import Store, open_store
from harness.experiment.toml_file import read_text
from harness.lab.blueprint import survey
from harness.preflight import check_machine, check_services, run_facts


def resumed(directory: Path, config: Path | None, *, allow_global: bool = False) -> tuple[Store, tuple[str, ...]]:
    """Open an interrupted run; return its store, and a sentence for each harmless change of this machine since.

    Raises ConfigError if `config` is given and is another experiment, MachineError after a change that matters.
    """
    store = open_store(directory)
    if config and read_text(config) != read_text(store.directory / "experiment.toml"):
        raise ConfigError(f"{config} is not the experiment of {directory}. Leave it out: the directory has its own.")
    experiment = store.read_plan_to_go_on().experiment
    check_results(store)
    store.hold()
    check_machine(experiment, replace(survey(directory), allow_global=allow_global))
    check_services(experiment)
    return store, () if _is_complete(store) else _changes_since(store, run_facts(experiment))


def _changes_since(store: Store, now: Mapping[str, Any]) -> tuple[str, ...]:
    changes = changes_since(store.read_host(), now)
    if decisive := describe([change for change in changes if is_decisive(change)]):
        raise MachineError(
            f"The run in {store.directory} cannot be resumed, because the machine has changed since it began:\n"
            + "\n".join(f"  {sentence}" for sentence in decisive)
            + "\nNew sessions would not be comparable with the old ones. Undo these changes and resume, or start a new "
            "run and compare both with `barehop compare`."
        )
    return tuple(describe(changes))


def _is_complete(store: Store) -> bool:
    """Return whether no session is left to measure."""
    plan, done = store.read_plan(), store.sessions()
    if done != list(range(1, len(done) + 1)):
        return False
    schedule = plan.ended_schedule
    return len(done) == schedule.sessions or (len(done) in schedule.looks[:-1] and is_precise(plan, store))
