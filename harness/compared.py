"""From a results directory to what comparing runs needs of it."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.analysis.changes import RunData
from harness.conclude import read_summary
from harness.errors import ConfigError
from harness.evidence.store import Store, open_store


def read_run(directory: Path) -> RunData:
    """The run in `directory`, from its records. Raises ConfigError."""
    summary, plan = read_summary(directory)
    store = open_store(directory)
    records = [store.read_record(number) for number in store.sessions()]
    return RunData(plan=plan, summary=summary, records=records, host=read_host(store))


def read_host(store: Store) -> dict[str, Any]:
    """host.json, or nothing where there is none. Raises ConfigError."""
    path = store.directory / "host.json"
    if not path.exists():
        return {}
    try:
        return TypeAdapter(dict[str, Any]).validate_json(path.read_bytes())
    except ValidationError:
        raise ConfigError(
            f"{path} is not what barehop wrote. Take it away to go on without the host's facts."
        ) from None
