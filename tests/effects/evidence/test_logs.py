"""A long log keeps its beginning and its end."""

from pathlib import Path

from harness.lab.logs import KEPT_BYTES, shorten, tail
from harness.lab.process import Service, running


def test_a_long_log_keeps_both_ends_and_says_what_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("first\n" + "DEBUG of no use\n" * 100_000 + "last\n")
    size = log.stat().st_size
    shorten(log)
    text = log.read_text()
    assert text.startswith("first\n")
    assert text.endswith("last\n")
    assert len(text) < 2 * KEPT_BYTES + 100
    left_out = int(text.partition("[barehop left out ")[2].split()[0])
    assert size - left_out + len(f"\n[barehop left out {left_out} bytes of this log here]\n") == len(text)


def test_a_short_log_and_none_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\n")
    shorten(tmp_path / "log")
    shorten(tmp_path / "absent")
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
    assert not (tmp_path / "absent").exists()


def test_the_end_of_a_log_is_read_without_the_rest(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 100 + "end")
    assert tail(tmp_path / "log", 3) == "end"
    assert tail(tmp_path / "absent") == ""


def test_what_a_service_has_logged_is_shortened_when_it_has_ended(tmp_path: Path) -> None:
    service = Service("loud", ("/bin/sh", "-c", "yes | head -c 4000000 >&2; sleep 60"), tmp_path / "log")
    with running(service) as started:
        while service.log.stat().st_size < 4_000_000:
            started.check()
    assert service.log.stat().st_size < 2 * KEPT_BYTES + 100
