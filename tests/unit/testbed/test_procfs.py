from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.testbed.machine.procfs import format_cpus, parse_cpus, read_int, read_text, read_texts


def test_a_list_of_cpus_is_read_as_the_kernel_writes_it() -> None:
    assert parse_cpus("0-2,8\n") == (0, 1, 2, 8)
    assert parse_cpus("") == ()
    assert format_cpus([8, 2, 1, 0, 10, 11]) == "0-2,8,10-11"


@given(st.sets(st.integers(0, 300)))
def test_a_written_list_reads_back_the_same(numbers: set[int]) -> None:
    assert set(parse_cpus(format_cpus(numbers))) == numbers


def test_a_file_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("ondemand\n")
    assert read_text(tmp_path / "missing") is None
    assert read_text(tmp_path) is None
    assert read_int(tmp_path / "word") is None
    assert read_texts(tmp_path, ["word", "missing"]) == {"word": "ondemand"}
