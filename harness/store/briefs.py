"""Find all results below a directory and read the part of each that a history needs, quickly."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.errors import ConfigError
from harness.model.record import HostFacts
from harness.model.summary import RunBrief, SummaryBrief

RUN_MARKS = {"summary.json", "plan.json"}
STARTED = re.compile(rb'"started_utc": ?"([0-9T:+.Z-]{10,40})"')
HEAD_BYTES = 4096  # of a session's file, which begins with its time
RUN_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d)Z")


def read_briefs(directory: Path) -> tuple[list[RunBrief], list[str]]:
    """Return the runs below `directory`, and a sentence for each that cannot be read. Raise ConfigError without any."""
    host_facts = TypeAdapter(HostFacts)  # made once: that is slow
    briefs: list[RunBrief] = []
    left_out: list[str] = []
    for path in find_runs(directory):
        try:
            summary = _read_summary(path / "summary.json")
            briefs.append(RunBrief(str(path), _started_utc(path), summary, _read_host(path / "host.json", host_facts)))
        except ConfigError as problem:
            left_out.append(str(problem))
    if not briefs and not left_out:
        raise ConfigError(f"{directory} holds no results: no directory below it has a summary.json. Give another one.")
    return briefs, left_out


def find_runs(directory: Path) -> Iterator[Path]:
    """Yield the results directories at or below `directory`; inside them there are no others."""
    for place, folders, names in os.walk(directory):
        if RUN_MARKS.intersection(names):
            folders.clear()
            yield Path(place)
        folders.sort()


def _read_summary(path: Path) -> SummaryBrief:
    try:
        return SummaryBrief.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{path.parent} has no summary yet. Write it with barehop report --html.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise ConfigError(f"{path} is not what barehop wrote. Write it again with barehop report --html.") from None


def _started_utc(directory: Path) -> str:
    """Return when the first session began, or else the time in the directory's name, or of its files."""
    try:
        with (directory / "sessions" / "0001.json").open("rb") as file:
            started = STARTED.search(file.read(HEAD_BYTES))
    except OSError:
        started = None
    if started:
        return started[1].decode()[:19]
    if named := RUN_TIME.fullmatch(directory.name):
        return ":".join(named.groups())
    return _file_time(directory / "summary.json")


def _file_time(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()[:19]


def _read_host(path: Path, adapter: TypeAdapter[HostFacts]) -> HostFacts:
    """Return the facts of host.json; empty where the file is missing, or not what barehop wrote."""
    try:
        return adapter.validate_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
