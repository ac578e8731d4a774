"""What the encoding of an output lacks is written with other characters."""

import codecs
import json

import pytest

from harness.console import ERROR_HANDLER, is_c_locale, is_color_terminal, make_output_safe

TEXT = "─── ±0.5 µs … 中 😀 “quoted”"


@pytest.fixture(autouse=True)
def _safe() -> None:
    make_output_safe({})


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "cp437", "koi8-r"])
def test_every_text_can_be_written_in_every_encoding(encoding: str) -> None:
    written = TEXT.encode(encoding, ERROR_HANDLER).decode(encoding)
    assert "quoted" in written
    assert written.count("?") == 0


def test_ascii_has_words_for_what_it_lacks() -> None:
    assert TEXT.encode("ascii", ERROR_HANDLER) == b"--- +/-0.5 us ... \\u4e2d \\ud83d\\ude00 'quoted'"


def test_json_stays_what_it_says() -> None:
    text = "中 😀 é"
    assert json.loads(json.dumps(text, ensure_ascii=False).encode("ascii", ERROR_HANDLER)) == text


def test_the_bytes_of_a_file_name_stay_as_they_are() -> None:
    assert b"\xff.txt".decode("utf-8", "surrogateescape").encode("utf-8", ERROR_HANDLER) == b"\xff.txt"


def test_the_handler_is_for_writing_only() -> None:
    with pytest.raises(UnicodeDecodeError):
        codecs.decode(b"\xff", "utf-8", ERROR_HANDLER)


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"LANG": "C"}, True),
        ({"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, True),
        ({"LANG": "C.UTF-8"}, False),
        ({"LC_ALL": "", "LC_CTYPE": "de_DE.UTF-8", "LANG": "C"}, False),
    ],
)
def test_the_c_locale_is_what_the_user_asked_for(environment: dict[str, str], asked: bool) -> None:
    assert is_c_locale(environment) is asked


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_nobody_who_wants_no_colors_gets_any(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert is_color_terminal({"TERM": "xterm"})
    assert not is_color_terminal(environment)
