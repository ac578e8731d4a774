"""Names of arms as names of files: safe, distinct, and those that were safe stay as they are."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from harness.files import MAX_NAME_BYTES, file_name, file_names


def test_a_name_that_can_be_a_file_name_is_kept() -> None:
    names = ["tcp", "uds-tmpfs", "a_b", "v1.2", "größe", "x" * 100]
    assert file_names(names) == {name: name for name in names}


def test_a_name_with_a_slash_is_what_it_was_where_it_stands_alone() -> None:
    assert file_names(["tcp/16", "uds/16"]) == {"tcp/16": "tcp_16", "uds/16": "uds_16"}


def test_names_that_differ_in_unsafe_letters_only_have_files_of_their_own() -> None:
    found = file_names(["a/b", "a b", "a_b"])
    assert found["a_b"] == "a_b"
    assert len(set(found.values())) == 3


def test_names_that_differ_in_case_only_have_files_of_their_own_where_case_is_not_heeded() -> None:
    found = file_names(["TCP", "tcp", "Tcp"])
    assert len({name.casefold() for name in found.values()}) == 3


def test_a_long_name_fits_and_differs_from_one_that_begins_alike() -> None:
    found = file_names(["\u6f22" * 100, "\u6f22" * 99 + "\u5b57"])
    assert len(set(found.values())) == 2
    assert all(len(name.encode()) <= MAX_NAME_BYTES for name in found.values())


def test_names_with_a_meaning_of_their_own_lose_it() -> None:
    assert [file_name(name) for name in ("", ".", "..", "-rf", ".hidden", "end.", "CON", "nul.txt", "a\0b\n")] == [
        "_", "_", "__", "_rf", "_hidden", "end_", "_CON", "_nul.txt", "a_b_",
    ]  # fmt: skip


@given(st.lists(st.text(max_size=150), max_size=8))
def test_whatever_the_names_are_their_files_are_safe_and_distinct(names: list[str]) -> None:
    found = file_names(names)
    assert list(found) == list(dict.fromkeys(names))
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in found.values()}) == len(found)
    for name in found.values():
        assert 0 < len(name.encode()) <= MAX_NAME_BYTES
        assert not name.startswith(("-", "."))
        assert not name.endswith(".")
        assert all(letter.isalnum() or letter in "-._" for letter in name)
