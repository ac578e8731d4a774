"""From a results directory to its summary: everything here can be deleted and made again."""

from pathlib import Path

from harness.analysis.bursts import SessionData
from harness.analysis.summary import summarise
from harness.errors import ConfigError
from harness.evidence.store import Store, open_store
from harness.model import Plan, Summary


def read_summary(directory: Path) -> tuple[Summary, Plan]:
    """The summary of any results directory, from its records. Raises ConfigError."""
    store = open_store(directory)
    if not store.sessions():
        raise ConfigError(f"{directory} holds no finished session yet. Continue it with barehop run --resume.")
    plan = store.read_plan()
    return summary_of(store, plan), plan


def summary_of(store: Store, plan: Plan) -> Summary:
    sessions = [SessionData(store.read_record(number), store.read_requests(number)) for number in store.sessions()]
    summary = summarise(
        plan.experiment,
        sessions,
        directory=str(store.directory),
        schedule=plan.schedule,
        seconds_total=sum(session.record.seconds["total"] for session in sessions),
    )
    return summary.model_copy(update={"overrides": plan.overrides})
