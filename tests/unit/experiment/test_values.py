"""Values that no setting can have, each in a sentence that says what to write instead."""

import codecs
import os
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from tests.support.experiment_files import read

TWO_ARMS = '[arms.a]\n[arms.b]\ntransport = "uds-tmpfs"\n'
RATE = 'must be a number of requests per second, or a percentage of the capacity of the slowest arm, like "70%".'


def refusal(text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as raised:
        read(text, *overrides)
    return str(raised.value)


@pytest.mark.parametrize(
    "rate", ['"fast"', '""', '"-5%"', '"1000%"', '"60"', "-1", "nan", "inf", "true", "[1]", "{a=1}"]
)
def test_a_rate_is_a_number_or_a_part(rate: str) -> None:
    assert RATE.rstrip(".") in refusal(TWO_ARMS, f"arm.rate={rate}")


def test_a_rate_of_nothing_names_the_way_out() -> None:
    assert "write rate = 0" in refusal(TWO_ARMS, 'arm.rate="0%"')


@pytest.mark.parametrize("cpus", ["0x", "0-99999999999", "0;touch x", "3-1", "", "0,,1", "$(id)", "0-3 "])
@pytest.mark.parametrize("knob", ["irq.affinity", "lo.rps", "boot.isolcpus", "boot.nohz_full", "boot.rcu_nocbs"])
def test_a_list_of_cpus_has_numbers_that_a_kernel_can_have(knob: str, cpus: str) -> None:
    assert "must be a list of CPUs like" in refusal(TWO_ARMS, f'arm.knobs."{knob}"="{cpus}"')


@pytest.mark.parametrize("number", ["0x" + "f" * 3000, "0b" + "1" * 9000, str(2**63)])
def test_a_number_has_64_bits_at_most(number: str) -> None:
    found = refusal(TWO_ARMS, f"arm.workers={number}")
    assert "at most 64 bits" in found
    assert len(found) < 120


def test_a_number_of_thousands_of_digits_is_named_in_plain_words() -> None:
    assert "more than 4000 digits" in refusal(f"{TWO_ARMS}[arm]\nworkers = {'9' * 5000}\n")


@pytest.mark.parametrize("letter", ["\x1b", "\x00", "\u202e", "\x7f", "\u2028"])
@pytest.mark.parametrize("key", ["question", "arm.app", "arm.start", 'arm.knobs."net.ipv4.tcp_sack"', "arms.c.path"])
def test_what_a_terminal_would_obey_or_hide_is_refused_and_not_shown(key: str, letter: str) -> None:
    escaped = f"\\u{ord(letter):04X}"
    found = refusal(TWO_ARMS, f'{key}="a{escaped}b"')
    assert f"U+{ord(letter):04X}" in found
    assert letter not in found


def test_a_question_may_have_lines_and_any_language() -> None:
    assert read(f'question = "Größer?\\n\\t大きい"\n{TWO_ARMS}').question == "Größer?\n\t大きい"


def test_a_long_text_is_not_repeated_whole() -> None:
    assert len(refusal(TWO_ARMS, f"arm.transport={'x' * 4000}")) < 250


def test_wrong_values_and_wrong_settings_are_told_together() -> None:
    found = refusal(TWO_ARMS, "arm.workers=0xffffffffffffffffffff", "arm.rate=fast", "desing.seed=1", "arm.tls=1")
    assert [line.partition(" = ")[0] for line in found.split("\n")] == ["arm.workers", "desing", "arm.tls", "arm.rate"]


def test_a_level_that_is_named_like_an_arm_is_offered_as_a_level() -> None:
    text = '[factors]\ntransport = ["tcp", "uds-dir"]\ntls = [true, false]\n[design]\nagainst = "tcp"\n'
    assert 'write against = { transport = "tcp" }.' in refusal(text)


ENCODED = {
    "UTF-8 with a mark": codecs.BOM_UTF8 + TWO_ARMS.encode(),
    "UTF-16": TWO_ARMS.encode("utf-16"),
    "UTF-16, the other way round": codecs.BOM_UTF16_BE + TWO_ARMS.encode("utf-16-be"),
    "CR LF": TWO_ARMS.replace("\n", "\r\n").encode(),
    "a mark and CR LF": codecs.BOM_UTF8 + TWO_ARMS.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("content", ENCODED.values(), ids=ENCODED)
def test_a_file_is_read_whatever_editor_saved_it(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "trial.toml"
    file.write_bytes(content)
    assert {"a", "b"} <= {arm.name for arm in read_experiment(file).arms}


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is a pipe, not a regular file"):
        read_experiment(tmp_path / "pipe")


def test_a_device_without_an_end_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="/dev/zero is a device"):
        read_experiment(Path("/dev/zero"))


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "huge.toml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="at most 1,000,000 are read"):
        read_experiment(tmp_path / "huge.toml")
