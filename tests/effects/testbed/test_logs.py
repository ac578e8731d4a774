"""A long log keeps its beginning and its end."""

import math
from pathlib import Path

import pytest

from harness.testbed.processes.output import KEPT_BYTES, MAX_LOG_BYTES, make_log_trimmer, read_log_end, shorten_log
from harness.testbed.processes.process import SupervisedCommand, start_command


def test_a_long_log_keeps_both_ends_and_says_what_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("first\n" + "DEBUG of no use\n" * 100_000 + "last\n")
    size = log.stat().st_size
    shorten_log(log)
    text = log.read_text()
    assert text.startswith("first\n")
    assert text.endswith("last\n")
    assert len(text) < 2 * KEPT_BYTES + 100
    left_out = int(text.partition("[barehop left out ")[2].split()[0])
    assert size - left_out + len(f"\n[barehop left out {left_out} bytes of this log here]\n") == len(text)


def test_a_short_log_and_none_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\n")
    shorten_log(tmp_path / "log")
    shorten_log(tmp_path / "absent")
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
    assert not (tmp_path / "absent").exists()


def test_the_end_of_a_log_is_read_without_the_rest(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 100 + "end")
    assert read_log_end(tmp_path / "log", 3) == "end"
    assert read_log_end(tmp_path / "absent") == ""


def test_what_a_service_has_logged_is_shortened_when_it_has_ended(tmp_path: Path) -> None:
    command = SupervisedCommand("loud", ("/bin/sh", "-c", "yes | head -c 4000000 >&2; sleep 60"), tmp_path / "log")
    with start_command(command) as started:
        while command.log.stat().st_size < 4_000_000:
            started.check()
    assert command.log.stat().st_size < 2 * KEPT_BYTES + 100


def on_disk_bytes(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_a_long_log_that_is_still_written_gives_its_middle_back_to_the_disk(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as writer:
        writer.write(b"first\n" + b"x" * (MAX_LOG_BYTES + KEPT_BYTES) + b"\nso far\n")
        writer.flush()
        size_bytes = log.stat().st_size
        make_log_trimmer([log, tmp_path / "absent"], each_s=0)()
        if on_disk_bytes(log) >= size_bytes:
            pytest.skip("this file system has no holes")
        assert on_disk_bytes(log) < 4 * KEPT_BYTES
        assert log.stat().st_size == size_bytes, "or it would seem that nothing was logged"
        writer.write(b"last\n")
    assert log.read_bytes().startswith(b"first\nx")
    assert read_log_end(log).endswith("x\nso far\nlast\n")
    shorten_log(log)
    assert b"[barehop left out " in log.read_bytes()
    assert b"\0" not in log.read_bytes()


@pytest.mark.parametrize(("size_bytes", "each_s"), [(MAX_LOG_BYTES // 2, 0), (MAX_LOG_BYTES + (1 << 20), math.inf)])
def test_a_log_that_is_not_long_and_one_that_was_just_looked_at_stay_whole(
    size_bytes: int, each_s: float, tmp_path: Path
) -> None:
    (tmp_path / "log").write_bytes(b"x" * size_bytes)
    make_log_trimmer([tmp_path / "log"], each_s)()
    assert (tmp_path / "log").read_bytes() == b"x" * size_bytes
