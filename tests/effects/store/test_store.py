"""A session's files appear whole or not at all, whatever happens while they are written."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from harness.errors import ConfigError, MachineError
from harness.model import Visit, VisitRow
from harness.store.files import requests_table
from harness.store.store import Store, create_results_directory, open_store
from tests.support.small_results import plan, record, visit
from tests.support.stored_sessions import read_record, read_requests

PRELUDE = """
import os, resource, signal, sys
from pathlib import Path
from harness.errors import MachineError
from harness.store.files import requests_table
from harness.store.store import Store
from tests.support.small_results import record, visit
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(create_results_directory(tmp_path, "x", tmp_path / "run"))


def everything(store: Store) -> set[str]:
    return {str(path.relative_to(store.directory)) for path in store.directory.rglob("*") if path.is_file()}


def test_a_session_that_was_written_is_read_as_it_was(store: Store) -> None:
    requests = requests_table([visit()])
    store.write_session(record(1), requests)
    assert store.session_numbers() == [1]
    parquet = (store.directory / "sessions/0001.parquet").read_bytes()
    assert read_record(store, 1) == record(1).model_copy(update={"requests_sha256": sha256(parquet).hexdigest()})
    assert read_requests(store, 1).equals(requests)
    assert everything(store) == {"sessions/0001.json", "sessions/0001.parquet"}


def test_a_plan_that_was_written_is_read_as_it_was(store: Store) -> None:
    store.write_json("plan.json", plan())
    assert open_store(store.directory).read_plan() == plan()


def test_sessions_come_in_their_order_beyond_any_number_of_digits(store: Store) -> None:
    for session in (10_000, 2, 9_999):
        store.write_session(record(session), requests_table([]))
    assert store.session_numbers() == [2, 9_999, 10_000]
    assert [read_record(store, session).session for session in store.session_numbers()] == [2, 9_999, 10_000]


def test_only_finished_sessions_count(store: Store) -> None:
    store.write_session(record(1), requests_table([visit()]))
    for name in ("0002.parquet", ".0003.json.part", "0004.json.bak", "0005 (copy).json", "notes.json", "6.json"):
        (store.directory / "sessions" / name).touch()
    assert store.session_numbers() == [1]


def in_a_child(directory: Path, program: str) -> int:
    """The exit code of a Python that writes to the store at `directory`."""
    code = f"{PRELUDE}store = Store(Path(sys.argv[1]))\n{program}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code, directory], env=environment, check=False).returncode


def test_a_run_killed_between_the_two_files_has_no_such_session_and_can_be_resumed(store: Store) -> None:
    killed_at_its_record = """
flush = Store._writing
def deadly(store, name):
    if name.endswith(".json"):
        os.kill(os.getpid(), signal.SIGKILL)
    return flush(store, name)
Store._writing = deadly
store.write_session(record(1), requests_table([visit()]))
"""
    assert in_a_child(store.directory, killed_at_its_record) == -signal.SIGKILL
    assert everything(store) == {"sessions/0001.parquet"}
    assert store.session_numbers() == []
    store.write_session(record(1), requests_table([visit(3)]))
    assert store.session_numbers() == [1]
    assert len(read_requests(store, 1)) == 3


def test_a_run_killed_in_the_middle_of_a_file_leaves_none_and_the_next_one_tidies_up(store: Store) -> None:
    killed_before_the_rename = """
with store._writing("sessions/0001.json") as path:
    path.write_text("{ half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert in_a_child(store.directory, killed_before_the_rename) == -signal.SIGKILL
    assert store.session_numbers() == []
    store.write_session(record(1), requests_table([visit()]))
    assert everything(store) == {"sessions/0001.json", "sessions/0001.parquet"}


@pytest.mark.parametrize(("limit_bytes", "left"), [(100, set()), (3_000, {"sessions/0001.parquet"})])
def test_a_file_that_may_not_grow_further_is_a_sentence_and_leaves_no_part(
    store: Store, limit_bytes: int, left: set[str]
) -> None:
    limited = f"""
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))
big = record(1).model_copy(update={{"started_utc": "x" * 9000}})
try:
    store.write_session(big, requests_table([visit()]))
except MachineError as error:
    sys.exit(7 if "cannot be written: File too large. Choose another directory" in str(error) else str(error))
"""
    assert in_a_child(store.directory, limited) == 7
    assert everything(store) == left
    assert store.session_numbers() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.needs_root
def test_a_full_disk_is_a_sentence_and_what_was_finished_stays(small_disk: Path) -> None:
    store = Store(create_results_directory(small_disk, "x", small_disk / "run"))
    store.write_session(record(1), requests_table([visit()]))
    before = everything(store)
    unpredictable = tuple(int.from_bytes(os.urandom(3)) for _ in range(40_000))
    large = Visit(
        round=0, order=0, arm="a", requests=1, mean_us=1, positions=unpredictable, start_ns=unpredictable,
        latency_ns=unpredictable,
    )  # fmt: skip
    with pytest.raises(MachineError) as full:
        store.write_session(record(2), requests_table([large]))
    assert str(full.value) == (
        f"{store.directory}/sessions/0002.parquet cannot be written: No space left on device. "
        "Free some space; finished sessions are kept."
    )
    assert everything(store) == before
    assert store.session_numbers() == [1]


@pytest.mark.needs_root
def test_a_disk_that_became_read_only_is_a_sentence(small_disk: Path) -> None:
    store = Store(create_results_directory(small_disk, "x", small_disk / "run"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(MachineError, match=r"0001\.parquet cannot be written: Read-only file system\. Choose another"):
        store.write_session(record(1), requests_table([visit()]))
    with pytest.raises(MachineError, match=r"cannot be written: Read-only file system\. Choose another"):
        create_results_directory(small_disk, "x", None)


def test_a_place_below_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match=r"run/plan\.json cannot be written: Not a directory\. Choose another"):
        Store(tmp_path / "file/run").write_json("plan.json", plan())
    for place in (tmp_path / "file/run", tmp_path / "file"):
        with pytest.raises(MachineError, match=r"cannot be written: (Not a directory|File exists)\. Choose"):
            create_results_directory(tmp_path, "x", place)


def test_a_directory_that_is_not_empty_is_not_taken(store: Store) -> None:
    with pytest.raises(MachineError, match=r"run is not empty\. Give --out another directory, or .* --resume\."):
        create_results_directory(store.directory, "x", store.directory)


def test_without_a_choice_the_directory_is_named_by_the_time_and_below_the_experiment(tmp_path: Path) -> None:
    directory = create_results_directory(tmp_path, "question", None)
    assert directory.parent == tmp_path / "question"
    assert [path.name for path in directory.iterdir()] == ["sessions"]


def test_numbers_that_are_none_are_never_written(store: Store) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        store.write_json("summary.json", {"x": float("nan")})
    assert everything(store) == set()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 2}', b'{"session": 1}'])
def test_a_record_that_is_not_ours_is_a_sentence(store: Store, content: bytes) -> None:
    path = store.directory / "sessions/0001.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as foreign:
        read_record(store, 1)
    assert str(foreign.value).startswith(f"{path} is not what barehop wrote: ")
    assert "()" not in str(foreign.value)
    assert "\n" not in str(foreign.value)


def test_what_another_version_wrote_besides_is_passed_over_when_it_is_read(store: Store) -> None:
    seen = VisitRow(round=0, order=0, arm="tcp", requests=2, mean_us=1.5)
    known = record(1).model_copy(update={"visits": (seen,)})
    visits = [{**row.model_dump(mode="json"), "new": 1} for row in known.visits]
    path = store.directory / "sessions/0001.json"
    path.write_text(json.dumps({**known.model_dump(mode="json"), "visits": visits, "new": {"a": 1}}))

    assert read_record(store, 1) == known


def test_a_plan_with_a_setting_of_another_version_is_read_but_not_gone_on_with(store: Store) -> None:
    written = plan().model_dump(mode="json")
    written["experiment"]["arms"][0]["settings"]["colour"] = "red"
    store.write_json("plan.json", written)

    assert store.read_plan() == plan()
    with pytest.raises(ConfigError, match=r"plan\.json is not what .*: experiment\.arms\.0\.settings\.colour"):
        store.read_plan(resumes=True)


def test_a_directory_without_a_plan_holds_no_run(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent"):
        advice = r"Give the results directory of a run\."
        with pytest.raises(ConfigError, match=rf"^{place} holds no run .* there is no plan\.json in it\. {advice}$"):
            open_store(place)


def test_a_session_without_its_times_is_a_sentence(store: Store) -> None:
    store.write_session(record(1), requests_table([visit()]))
    path = store.directory / "sessions/0001.parquet"
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-8], whole[: len(whole) // 2], b"x" * len(whole)):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"0001\.parquet cannot be read: "):
            read_requests(store, 1)
    path.unlink()
    with pytest.raises(ConfigError, match=r"0001\.parquet cannot be read: No such file"):
        read_requests(store, 1)


def test_a_table_of_something_else_is_a_sentence(store: Store) -> None:
    requests_table([visit()]).select("arm", "round").write_parquet(store.directory / "sessions/0001.parquet")
    with pytest.raises(ConfigError, match=r"0001\.parquet is not what barehop wrote: its columns are arm, round\."):
        read_requests(store, 1)
