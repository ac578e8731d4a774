"""The results directory: files that are whole or absent, found again after a rename, saved after a removal."""

import errno
import hashlib
import json
import os
import re
import secrets
import shlex
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from harness.errors import ConfigError, MachineError
from harness.files import file_name, flush_directory, flush_file
from harness.model import FloorResults, Plan, Record
from harness.model.record import Calibration, HostFacts
from harness.store.files import Facts, check_numbers, read_facts, read_file, read_model
from harness.store.history import RUN_TIME_FORMAT
from harness.store.integrity import plan_problems, read_sessions

if TYPE_CHECKING:
    from polars import DataFrame

    from harness.store.integrity import StoredSession

M = TypeVar("M", bound=BaseModel)
RUN_FILES = ("experiment.toml", "host.json", "calibration.json", "floor.json", "plan.json")
SESSION_KINDS = ("parquet", "profile.parquet", "json")
SESSION_FILE = re.compile(r"([0-9]{4}|[1-9][0-9]{4,8})\.json")
# Errors of file systems that cannot replace a file by renaming another.
NO_REPLACE_ERRORS = (errno.EEXIST, errno.EPERM, errno.ENOTSUP)
MAX_TRIES = 100


@dataclass(slots=True)
class Store:
    """The results directory of a run. After `hold`, it is found again when renamed, and rescued when removed."""

    directory: Path
    _descriptor: int | None = None  # of the directory, kept open until the process ends
    _contents: dict[str, bytes] = field(default_factory=dict)

    @property
    def plan_path(self) -> Path:
        """Return the path of plan.json."""
        return self.directory / "plan.json"

    def stack_directory(self, session: int) -> Path:
        """Return the directory of a session's configuration files and logs."""
        return self.directory / "stack" / f"{session:04}"

    def hold(self) -> None:
        """Keep the directory open, and its files in memory, except reports."""
        self._descriptor = os.open(self.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        sessions = [f"sessions/{number:04}.{kind}" for number in self.session_numbers() for kind in SESSION_KINDS]
        names = [name for name in (*RUN_FILES, *sessions) if os.path.lexists(self.directory / name)]
        self._contents.update({name: read_file(self.directory / name) for name in names})

    def follow(self, before_writing: Collection[str] = ()) -> None:
        """Follow the directory when it was renamed; rescue all files and raise MachineError when one was removed."""
        if self._descriptor is None:
            return
        path = _current_path(self._descriptor, self.directory)
        if path is not None and self._contents.keys() - set(before_writing) <= _present_files(path):
            self.directory = path
            return
        lost, self._descriptor = self.directory, None
        self.directory, problem = rescue(self._contents, lost)
        raise problem

    def session_numbers(self) -> list[int]:
        """Return the numbers of the finished sessions. Raise ConfigError."""
        self.follow()
        try:
            names = [path.name for path in (self.directory / "sessions").iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(f"{self.directory / 'sessions'} cannot be read: {error.strerror}.") from None
        return sorted(int(name.removesuffix(".json")) for name in names if SESSION_FILE.fullmatch(name))

    def write_text(self, name: str, text: str) -> None:
        """Write a file in UTF-8. Raise MachineError, as all writing methods do."""
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        self._write({name: content}, keep=name in RUN_FILES)

    def write_json(self, name: str, value: BaseModel | Mapping[str, object]) -> None:
        """Write a model or a dictionary as JSON."""
        plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        self.write_text(name, json.dumps(plain, indent=1, allow_nan=False) + "\n")

    def write_plan(self, plan: Plan) -> Plan:
        """Write plan.json, with a new run id where it has none, and return it; each session's record repeats the id."""
        identified = plan if plan.run_id else plan.model_copy(update={"run_id": secrets.token_hex(8)})
        self._write({"plan.json": f"{identified.model_dump_json()}\n".encode()}, keep=True)
        return identified

    def write_session(self, record: Record, requests: "DataFrame", stacks: "DataFrame | None" = None) -> Record:
        """Write the tables, then the record: a session with a record is complete. Return the record as read again.

        `stacks` are those of its profile, if it has one.
        """
        name, content = f"sessions/{record.session:04}", _parquet(requests)
        contents = {f"{name}.parquet": content}
        whole = record.model_copy(update={"requests_sha256": hashlib.sha256(content).hexdigest()})
        if record.profile and stacks is not None:
            content = contents[f"{name}.profile.parquet"] = _parquet(stacks)
            profile = record.profile.model_copy(update={"sha256": hashlib.sha256(content).hexdigest()})
            whole = whole.model_copy(update={"profile": profile})
        text = f"{whole.model_dump_json()}\n"
        self._write({**contents, f"{name}.json": text.encode()}, keep=True)
        return Record.model_validate_json(text)

    def read_plan(self, *, resumes: bool = False) -> Plan:
        """Return the plan. Raise ConfigError, as all reading methods do.

        In a plan to resume unknown keys are an error, because the sessions would differ.
        """
        plan = read_model(self.plan_path, Plan, "forbid" if resumes else "ignore")
        check_numbers(self.plan_path, plan.model_dump(exclude={"orders"}))
        if problems := list(plan_problems(plan)):
            raise ConfigError(
                f"{self.plan_path} was changed after the run began, or damaged: {'; '.join(problems)}. "
                "Put back the file that barehop wrote, or measure again."
            )
        return plan

    def read_host(self) -> HostFacts:
        """Return host.json; empty where there is none."""
        return self._read_facts("host.json", HostFacts) or {}

    def read_calibration(self) -> Calibration | None:
        """Return the calibration of the host at the start of the run; None where there was none."""
        return self._read_earlier("calibration.json", Calibration)

    def read_floor(self) -> FloorResults | None:
        """Return the result of `barehop floor` on this host at the start of the run; None where there was none."""
        return self._read_earlier("floor.json", FloorResults)

    def _read_facts(self, name: str, shape: type[Facts]) -> Facts | None:
        path = self.directory / name
        return read_facts(path, shape) if os.path.lexists(path) else None

    def _read_earlier(self, name: str, model: type[M]) -> M | None:
        path = self.directory / name
        if not os.path.lexists(path):
            return None
        value = read_model(path, model)
        check_numbers(path, value.model_dump())
        return value

    def read_summary_id(self) -> str:
        """Return the id in summary.json; empty if there is none."""
        facts = self._read_facts("summary.json", dict[str, Any]) or {}
        return str(facts.get("id") or "")

    def read_sessions(self, plan: Plan) -> "list[StoredSession]":
        """Return the finished sessions. The error names all damaged ones and those of another run."""
        return read_sessions(self.directory, self.session_numbers(), plan)

    def _write(self, contents: Mapping[str, bytes], *, keep: bool = False) -> None:
        """Write files in this order; with `keep`, a rescue includes them, unless they could not be written."""
        if keep and self._descriptor is not None:
            self._contents.update(contents)
        self.follow(before_writing=contents)
        try:
            for name, content in contents.items():
                with self._writing(name) as path:
                    path.write_bytes(content)
        except MachineError:
            for name in contents:
                self._contents.pop(name, None)
            self.follow()  # a removed directory is the better explanation
            raise

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        """Yield a temporary path beside `name`; flush it to disk and rename it to `name` at the end."""
        path = self.directory / name
        temporary = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=self._descriptor is None, exist_ok=True)
            yield temporary
            flush_file(temporary)
            _replace_file(temporary, path)
            flush_directory(path.parent)
        except OSError as error:
            raise _write_error(path, error) from None
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _parquet(table: "DataFrame") -> bytes:
    content = BytesIO()  # polars would not tell a full disk from other errors
    table.write_parquet(content)
    return content.getvalue()


def create_results_directory(base: Path, experiment: str, chosen: Path | None) -> Path:
    """Create `chosen`, or base/experiment/<UTC time>; it must be empty. Raise MachineError."""
    directory = chosen or base / file_name(experiment) / datetime.now(UTC).strftime(RUN_TIME_FORMAT)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise MachineError(
                f"{directory} is not empty. Give --out another directory, or continue that run with --resume."
            )
        (directory / "sessions").mkdir()
    except OSError as error:
        raise _write_error(directory, error) from None
    return directory.resolve()


def open_store(directory: Path) -> Store:
    """Return the store of an earlier run. Raise ConfigError where `directory` holds none."""
    try:
        store = Store(directory.resolve())
        store.plan_path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(
            f"{directory} holds no run of barehop: there is no plan.json in it. Give the results directory of a run."
        ) from None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links is a RuntimeError, a NUL a ValueError
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{str(directory)!r} cannot be read: {reason}.") from None
    return store


def _current_path(descriptor: int, last_path: Path) -> Path | None:
    """Return the path of the open directory; None after it was removed, or moved out of reach."""
    try:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115 - `path` is no link
    except OSError:  # without /proc there is nothing to follow
        path = last_path
    try:
        is_same = os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return None
    return path if is_same else None


def _present_files(directory: Path) -> set[str]:
    """Return the names of the files in a results directory, those of its sessions included."""
    names: set[str] = set()
    for folder in (directory, directory / "sessions"):
        with suppress(OSError):
            names.update(str(path.relative_to(directory)) for path in folder.iterdir())
    return names


def _replace_file(source: Path, path: Path) -> None:
    try:
        source.replace(path)
    except OSError as error:
        if error.errno not in NO_REPLACE_ERRORS or not path.is_file():
            raise
        path.unlink()
        source.rename(path)


def _write_error(path: Path, error: OSError) -> MachineError:
    advice = "Free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Choose another directory"
    return MachineError(f"{path} cannot be written: {error.strerror or error}. {advice}; finished sessions are kept.")


def rescue(contents: Mapping[str, bytes], lost: Path) -> tuple[Path, MachineError]:
    """Write `contents` by name into a new directory. Return it, and the error that explains what happened.

    Without a finished session there is nothing to rescue: return `lost`.
    """
    sessions = sum(name.startswith("sessions/") and name.endswith(".json") for name in contents)
    reason = f"{lost}, or a file in it, was removed or moved to another file system while barehop was measuring."
    if not sessions:
        return lost, MachineError(f"{reason} No session had been finished. Run the experiment again.")
    for parent in (lost.parent, Path.cwd(), Path(tempfile.gettempdir())):  # the likeliest to be writable first
        try:
            directory = _create_directory(parent, lost.name)
            (directory / "sessions").mkdir()
            for name, content in contents.items():
                (directory / name).write_bytes(content)
        except OSError:
            continue
        finished = f"{sessions} finished session{'s are' if sessions > 1 else ' is'} now in {directory}"
        resume = f"barehop run --resume {shlex.quote(str(directory))}"
        return directory, MachineError(f"{reason} Its {finished}. Continue with: {resume}")
    return lost, MachineError(f"{reason} Its {sessions} finished sessions could not be written anywhere else.")


def _create_directory(parent: Path, name: str) -> Path:
    for number in range(1, MAX_TRIES + 1):
        directory = parent / f"{name}-rescued{f'-{number}' if number > 1 else ''}"
        with suppress(FileExistsError):
            directory.mkdir()
            return directory
    raise FileExistsError(parent)
