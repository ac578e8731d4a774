"""A run with a profile names functions and wake-ups; without perf it says why not, and has the rest."""

import os
import shutil
from pathlib import Path

import pytest

from harness.model import Record, Summary
from tests.support.command import APPS, CHECKOUT, barehop, fixed

SESSIONS = 5


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("profile")
    ended = barehop(here, "run", "quick", "--profile", *fixed(SESSIONS, 4), "--out", "out")
    assert ended.code in (0, 1), ended.err
    return here / "out"


needs_perf = pytest.mark.skipif(
    shutil.which("perf") is None or os.geteuid() != 0, reason="there is no perf, or no right to sample the kernel"
)


@needs_perf
@pytest.mark.needs_root
def test_the_report_names_the_functions_of_each_transport(results: Path) -> None:
    summary = Summary.model_validate_json((results / "summary.json").read_bytes())
    (profile,) = summary.profiles
    assert "tcp_ack_[k]" in (results / "profile/tcp.folded").read_text()
    assert profile.functions
    levels = {(part.role, part.name): (part.arm_us, part.against_us) for part in profile.subsystems}
    unix, tcp = levels["app", "TCP"]
    assert tcp > 3 * unix, "the app has no TCP connection over a Unix socket"
    subsystems = {(part.role, part.name): part.us for part in profile.subsystems}
    assert subsystems["app", "TCP"].value < 0 < subsystems["app", "Unix socket"].value
    told = barehop(results.parent, "report", "out", "--details").out
    assert "Where the difference is made" in told
    assert "app: " in told
    page = (results / "report.html").read_text()
    assert "Where the difference is made" in page
    assert "flame-uds-tmpfs-tcp-app" in page


@needs_perf
@pytest.mark.needs_root
def test_the_report_tells_who_wakes_whom_and_what_is_left(results: Path) -> None:
    summary = Summary.model_validate_json((results / "summary.json").read_bytes())
    assert [chain.arm for chain in summary.chains] == ["tcp", "uds-tmpfs"]
    for chain in summary.chains:
        wakeups = {(part.waker, part.name): part.us.value for part in chain.parts if part.kind == "wake-up"}
        assert wakeups.keys() >= {("nginx", "app"), ("app", "nginx"), ("nginx", "client")}
        assert min(wakeups.values()) >= 0
        assert chain.incomplete < 0.05 * chain.requests
        assert sum(part.us.value for part in chain.parts) == pytest.approx(chain.sum_us.value, rel=1e-6)
        assert chain.sum_us.value + chain.left_us.value == pytest.approx(chain.request_us.value, rel=1e-6)
        cpu_us = [part.us.value for part in chain.parts if part.kind == "cpu"]
        assert 0.2 * chain.request_us.value < sum(cpu_us) < 2 * chain.request_us.value
    (comparison,) = summary.waiting
    assert {difference.role for difference in comparison.differences} == {"client", "nginx", "app"}
    told = " ".join(barehop(results.parent, "report", "out", "--details").out.split())
    assert "What a request waits for" in told
    assert "nginx wakes app" in told
    assert "Tracing takes time itself" in told


@needs_perf
@pytest.mark.needs_root
def test_stacks_are_stored_with_the_session_and_beside_the_report(results: Path) -> None:
    record = Record.model_validate_json((results / "sessions/0001.json").read_bytes())
    assert record.profile
    assert {burst.arm for burst in record.profile.bursts} == {"tcp", "uds-tmpfs"}
    assert "do_syscall_64_[k]" in (results / "profile/tcp.folded").read_text()
    stacks = results / "sessions/0002.profile.parquet"
    whole = stacks.read_bytes()
    stacks.write_bytes(whole[:-1])
    refused = barehop(results.parent, "report", "out")
    stacks.write_bytes(whole)
    assert refused.code == 2
    assert "its checksum differs" in refused.err


@needs_perf
@pytest.mark.needs_root
def test_a_c_function_that_takes_longer_in_one_arm_is_among_those_that_differ(tmp_path: Path) -> None:
    experiment = CHECKOUT / "tests/support/burns_in_zlib.toml"
    own = ("--set", f"arm.app_dir={APPS}", "--set", "arms.burn.path=/crc32/100")
    ended = barehop(tmp_path, "run", experiment, *own, *fixed(6, 4), "--out", "out")
    assert ended.code in (0, 1), ended.err
    (profile,) = Summary.model_validate_json((tmp_path / "out/summary.json").read_bytes()).profiles
    more = [part.name for part in profile.functions if (part.role, part.verdict) == ("app", "more")]
    assert [name for name in more if "crc32" in name or "libz" in name], more


def test_without_perf_a_sentence_says_so_and_the_rest_is_there(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("nginx", "sh"):
        program = shutil.which(name)
        assert program
        (programs / name).symlink_to(program)
    arguments = ("run", "quick", "--profile", *fixed(2, 4), "--out", "out")
    ended = barehop(tmp_path, *arguments, env={"PATH": str(programs)})
    assert ended.code in (0, 1), ended.err
    words = " ".join(ended.out.split())
    assert "The functions that make the difference are not known: there is no program 'perf'." in words
    assert "What a request waits for is not known: there is no program 'perf'." in words
    assert "faster" in words or "undecided" in words or "equivalent" in words
