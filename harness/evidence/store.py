"""The results directory: a session's files appear whole or not at all, and are never changed."""

import errno
import hashlib
import json
import os
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from harness.errors import ConfigError, MachineError
from harness.evidence.earlier import TIME_OF_RUN
from harness.evidence.held import HeldDirectory
from harness.evidence.reading import check_numbers, read_facts, read_file, read_model
from harness.evidence.requests_file import parse_requests
from harness.evidence.rescue import rescue
from harness.experiment.plan_check import plan_problems
from harness.file_names import file_name
from harness.flushing import flush_directory, flush_file
from harness.model import Floor, Plan, Record
from harness.model.facts import CalibrationShape, Host

if TYPE_CHECKING:
    from polars import DataFrame

OF_THE_RUN = ("experiment.toml", "host.json", "calibration.json", "floor.json", "plan.json")
SESSION_FILE = re.compile(r"([0-9]{4}|[1-9][0-9]{4,8})\.json")
# What file systems answer that cannot put a file in the place of another.
NO_REPLACING = (errno.EEXIST, errno.EPERM, errno.ENOTSUP)


@dataclass(slots=True)
class Store:
    """One run's directory; after `hold` it is followed where it is renamed, and rescued where it is removed."""

    directory: Path
    _held: HeldDirectory | None = None
    _kept: dict[str, bytes] = field(default_factory=dict)

    @property
    def plan_path(self) -> Path:
        return self.directory / "plan.json"

    def stack_directory(self, session: int) -> Path:
        return self.directory / "stack" / f"{session:04}"

    def hold(self) -> None:
        """Keep the directory open, and in memory what is there and what will be written besides reports."""
        self._held = HeldDirectory(self.directory)
        sessions = [f"sessions/{number:04}.{kind}" for number in self.sessions() for kind in ("parquet", "json")]
        there = [name for name in (*OF_THE_RUN, *sessions) if os.path.lexists(self.directory / name)]
        self._kept.update({name: read_file(self.directory / name) for name in there})

    def secure(self, before_writing: Collection[str] = ()) -> None:
        """Follow the directory where it was renamed.

        Raises MachineError where it, or a file in it, was removed: what it held is then in a new directory.
        """
        if self._held is None:
            return
        place = self._held.path()
        if place is not None and self._kept.keys() - set(before_writing) <= _files_of_a_run(place):
            self.directory = place
            return
        lost, self._held = self.directory, None
        self.directory, problem = rescue(self._kept, lost)
        raise problem

    def sessions(self) -> list[int]:
        """The numbers of the finished sessions. Raises ConfigError."""
        self.secure()
        try:
            names = [path.name for path in (self.directory / "sessions").iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(f"{self.directory / 'sessions'} cannot be read: {error.strerror}.") from None
        return sorted(int(name.removesuffix(".json")) for name in names if SESSION_FILE.fullmatch(name))

    def write_text(self, name: str, text: str) -> None:
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        self._write({name: content}, keep=name in OF_THE_RUN)

    def write_json(self, name: str, value: BaseModel | dict[str, Any]) -> None:
        plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        self.write_text(name, json.dumps(plain, indent=1, allow_nan=False) + "\n")

    def write_plan(self, plan: Plan) -> None:
        """Write plan.json, with the id of the run that each of its sessions will carry."""
        named = plan if plan.run_id else plan.model_copy(update={"run_id": secrets.token_hex(8)})
        self._write({"plan.json": f"{named.model_dump_json()}\n".encode()}, keep=True)

    def write_session(self, record: Record, requests: "DataFrame") -> None:
        """The record comes last: where it is, the whole session is."""
        parquet = BytesIO()  # polars would not tell a full disk from other errors
        requests.write_parquet(parquet)
        name, content = f"sessions/{record.session:04}", parquet.getvalue()
        whole = record.model_copy(update={"requests_sha256": hashlib.sha256(content).hexdigest()})
        self._write({f"{name}.parquet": content, f"{name}.json": f"{whole.model_dump_json()}\n".encode()}, keep=True)

    def read_plan(self) -> Plan:
        return self._read_plan("ignore")

    def read_plan_to_go_on(self) -> Plan:
        """Every word of the plan must be known, or else the sessions to come would be others. Raises ConfigError."""
        return self._read_plan("forbid")

    def _read_plan(self, unknown_keys: Literal["ignore", "forbid"]) -> Plan:
        plan = read_model(self.plan_path, Plan, unknown_keys)
        check_numbers(self.plan_path, plan.model_dump(exclude={"orders"}))
        if problems := list(plan_problems(plan)):
            raise ConfigError(
                f"{self.plan_path} was changed after the run began, or damaged: {'; '.join(problems)}. "
                "Put back the file that barehop wrote, or measure again."
            )
        return plan

    def read_host(self) -> dict[str, Any]:
        """host.json, or nothing where there is none. Raises ConfigError."""
        return self._read_facts("host.json", Host)

    def read_calibration(self) -> dict[str, Any] | None:
        """The calibration of the host that was known when the run began. Raises ConfigError."""
        return self._read_facts("calibration.json", CalibrationShape) or None

    def read_floor(self) -> Floor | None:
        """What `barehop floor` had found on this host when the run began. Raises ConfigError."""
        path = self.directory / "floor.json"
        if not os.path.lexists(path):
            return None
        read_facts(path)
        return read_model(path, Floor)

    def _read_facts(self, name: str, shape: type[BaseModel]) -> dict[str, Any]:
        path = self.directory / name
        return read_facts(path, shape) if os.path.lexists(path) else {}

    def read_record(self, session: int) -> Record:
        return read_model(self.directory / "sessions" / f"{session:04}.json", Record)

    def read_requests(self, session: int) -> "DataFrame":
        path = self.requests_path(session)
        return parse_requests(path, read_file(path))

    def requests_path(self, session: int) -> Path:
        return self.directory / "sessions" / f"{session:04}.parquet"

    def _write(self, contents: Mapping[str, bytes], *, keep: bool = False) -> None:
        """Write files in this order; with `keep` they are rescued too, unless they could not be written."""
        if keep and self._held:
            self._kept.update(contents)
        self.secure(before_writing=contents)
        try:
            for name, content in contents.items():
                with self._writing(name) as path:
                    path.write_bytes(content)
        except MachineError:
            for name in contents:
                self._kept.pop(name, None)
            self.secure()  # where the directory is gone, that is what happened
            raise

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        """A path beside `name` that takes its place when all went well and it has reached the disk."""
        path = self.directory / name
        beside = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=self._held is None, exist_ok=True)
            yield beside
            flush_file(beside)
            _replace(beside, path)
            flush_directory(path.parent)
        except OSError as error:
            raise _no_room(path, error) from None
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def new_directory(base: Path, experiment: str, chosen: Path | None) -> Path:
    """`chosen`, or base/experiment/<UTC time>, made and empty. Raises MachineError."""
    directory = chosen or base / file_name(experiment) / datetime.now(UTC).strftime(TIME_OF_RUN)
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
    try:
        store = Store(directory.resolve())
        store.plan_path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{directory} holds no run of barehop: there is no plan.json in it.") from None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links is a RuntimeError, a NUL a ValueError
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{str(directory)!r} cannot be read: {reason}.") from None
    return store


def _files_of_a_run(directory: Path) -> set[str]:
    """The names of the files that a rescue would write, as far as they are there."""
    found = set(_names(directory))
    return found | {f"sessions/{name}" for name in _names(directory / "sessions")}


def _names(directory: Path) -> list[str]:
    try:
        return [path.name for path in directory.iterdir()]
    except OSError:
        return []


def _replace(beside: Path, path: Path) -> None:
    try:
        beside.replace(path)
    except OSError as error:
        if error.errno not in NO_REPLACING or not path.is_file():
            raise
        path.unlink()
        beside.rename(path)


def _no_room(path: Path, error: OSError) -> MachineError:
    advice = "Free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Choose another place with --out"
    return MachineError(f"{path} cannot be written: {error.strerror or error}. {advice}; finished sessions are kept.")
