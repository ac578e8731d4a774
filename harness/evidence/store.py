"""The results directory: a session's files appear whole or not at all, and are never changed."""

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, RootModel, ValidationError

from harness.errors import ConfigError, MachineError
from harness.evidence.earlier import TIME_OF_RUN
from harness.evidence.record import NOT_ALWAYS, REQUEST_COLUMNS
from harness.model import Floor, Plan, Record

if TYPE_CHECKING:
    from polars import DataFrame

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Store:
    """One run's directory."""

    directory: Path

    @property
    def plan_path(self) -> Path:
        return self.directory / "plan.json"

    def stack_directory(self, session: int) -> Path:
        return self.directory / "stack" / f"{session:04}"

    def sessions(self) -> list[int]:
        """The numbers of the finished sessions."""
        names = (path.name for path in (self.directory / "sessions").glob("*.json"))
        return sorted(int(name.removesuffix(".json")) for name in names if re.fullmatch(r"[0-9]{4,}\.json", name))

    def write_text(self, name: str, text: str) -> None:
        with self._writing(name) as path:
            path.write_text(text, encoding="utf-8")

    def write_json(self, name: str, value: BaseModel | dict[str, Any]) -> None:
        plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        self.write_text(name, json.dumps(plain, indent=1, allow_nan=False) + "\n")

    def write_session(self, record: Record, requests: "DataFrame") -> None:
        """The record comes last: where it is, the whole session is."""
        parquet = BytesIO()  # polars would not tell a full disk from other errors
        requests.write_parquet(parquet)
        with self._writing(f"sessions/{record.session:04}.parquet") as path:
            path.write_bytes(parquet.getvalue())
        self.write_text(f"sessions/{record.session:04}.json", record.model_dump_json() + "\n")

    def read_plan(self) -> Plan:
        return _read(self.plan_path, Plan)

    def read_plan_to_go_on(self) -> Plan:
        """Every word of the plan must be known, or else the sessions to come would be others. Raises ConfigError."""
        return _read(self.plan_path, Plan, unknown_keys="forbid")

    def read_host(self) -> dict[str, Any]:
        """host.json, or nothing where there is none. Raises ConfigError."""
        return self._read_facts("host.json")

    def read_calibration(self) -> dict[str, Any] | None:
        """The calibration of the host that was known when the run began. Raises ConfigError."""
        return self._read_facts("calibration.json") or None

    def read_floor(self) -> Floor | None:
        """What `barehop floor` had found on this host when the run began. Raises ConfigError."""
        path = self.directory / "floor.json"
        return _read(path, Floor) if path.exists() else None

    def _read_facts(self, name: str) -> dict[str, Any]:
        path = self.directory / name
        return _read(path, RootModel[dict[str, Any]]).root if path.exists() else {}

    def read_record(self, session: int) -> Record:
        return _read(self.directory / "sessions" / f"{session:04}.json", Record)

    def read_requests(self, session: int) -> "DataFrame":
        import polars

        path = self.directory / "sessions" / f"{session:04}.parquet"
        try:
            table = polars.read_parquet(path)
        except (OSError, polars.exceptions.PolarsError) as error:
            raise ConfigError(f"{path} cannot be read: {error}.") from None
        is_older = {*table.columns, *NOT_ALWAYS} == REQUEST_COLUMNS.keys()
        missing = {name: value for name, value in NOT_ALWAYS.items() if is_older and name not in table.columns}
        table = table.with_columns(**{name: polars.lit(value, polars.Int64) for name, value in missing.items()})
        columns = {name: str(kind) for name, kind in table.schema.items()}
        if columns != REQUEST_COLUMNS:
            raise ConfigError(f"{path} is not what barehop wrote: its columns are {', '.join(columns)}.")
        return table

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        """A path beside `name` that takes its place when all went well and it has reached the disk."""
        path = self.directory / name
        beside = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield beside
            _flush(beside)
            beside.replace(path)
            _flush(path.parent)
        except OSError as error:
            raise _no_room(path, error) from None
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def new_directory(base: Path, experiment: str, chosen: Path | None) -> Path:
    """`chosen`, or base/experiment/<UTC time>, made and empty. Raises MachineError."""
    directory = chosen or base / experiment / datetime.now(UTC).strftime(TIME_OF_RUN)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise MachineError(
                f"{directory} is not empty. Give --out another directory, or continue that run with --resume."
            )
        (directory / "sessions").mkdir()
    except OSError as error:
        raise _no_room(directory, error) from None
    return directory.resolve()


def open_store(directory: Path) -> Store:
    """The store of an earlier run. Raises ConfigError when `directory` holds none."""
    store = Store(directory.resolve())
    if not store.plan_path.is_file():
        raise ConfigError(f"{directory} holds no run of barehop: there is no plan.json in it.")
    return store


def _no_room(path: Path, error: OSError) -> MachineError:
    advice = "Free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Choose another place with --out"
    return MachineError(f"{path} cannot be written: {error.strerror or error}. {advice}; finished sessions are kept.")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, model: type[T], unknown_keys: Literal["ignore", "forbid"] = "ignore") -> T:
    """Another version may have written keys that this one does not know: within a format keys are only added."""
    try:
        return model.model_validate_json(path.read_bytes(), extra=unknown_keys)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ConfigError(f"{path} is not what barehop wrote: {where}: {first['msg']}.") from None
