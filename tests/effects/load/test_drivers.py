"""Outside tools run to their end, or end in a sentence."""

import shutil
import sys
from pathlib import Path

import pytest

from harness.errors import LoadError
from harness.load.tools import ab
from harness.load.visits import run_tool
from harness.model import LoadTool, Settings, Target, ToolResult
from tests.support.scripted_server import says, serving, whole

TARGET = Target("127.0.0.1", 1, "/")


def count_of_lines(directory: Path) -> ToolResult:
    """The outcome of the tool that these tests make up: a line for each request."""
    said = (directory / "stdout.txt").read_text().splitlines()
    if "?" in said:
        raise ValueError("There is a line '?'.")
    failed = said.count("failed")
    return ToolResult(len(said) - failed, {"failed": failed} if failed else {}, 1.0, 1.0, {}, 1.0)


def tool(script: str, version: tuple[str, ...] = ("--version",)) -> LoadTool:
    """A tool that is the Python program `script`."""

    def command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
        return [program, "-c", script, str(directory)]

    return LoadTool("loud", version, "Install loud.", command, count_of_lines)


def visit(script: str, directory: Path, settings: Settings | None = None) -> ToolResult:
    return run_tool(tool(script), sys.executable, TARGET, settings or Settings(tool_requests=3), directory)


def test_a_run_leaves_its_files_and_gives_its_outcome(tmp_path: Path) -> None:
    directory = tmp_path / "tool" / "tcp" / "0001"
    outcome = visit("import sys; print('ok\\n' * 3, end=''); print('hm', file=sys.stderr)", directory)

    assert outcome.requests == 3
    assert (directory / "stdout.txt").read_text() == "ok\nok\nok\n"
    assert (directory / "stderr.txt").read_text() == "hm\n"


def test_a_relative_directory_is_the_same_for_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = "import pathlib, sys; print('ok\\n' * 3, end=''); pathlib.Path(sys.argv[1], 'own').touch()"
    visit(script, Path("results"))

    assert {path.name for path in (tmp_path / "results").iterdir()} == {"own", "stderr.txt", "stdout.txt"}


def test_a_failing_tool_is_quoted_with_its_exit_code_and_last_words(tmp_path: Path) -> None:
    script = "import sys; print('first\\nConnection refused\\n\\n', file=sys.stderr); sys.exit(7)"

    with pytest.raises(LoadError, match=r"exit code 7: Connection refused\. Its output is"):
        visit(script, tmp_path)


def test_a_tool_that_fails_without_a_word_is_reported_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="ended with exit code 3: no message"):
        visit("raise SystemExit(3)", tmp_path)


def test_output_that_cannot_be_read_is_an_error_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"cannot be read: There is a line '\?'\."):
        visit("print('?')", tmp_path)


def test_a_tool_that_stops_early_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="made only 2 of 3 requests"):
        visit("print('ok\\nfailed')", tmp_path)


def test_a_failed_request_is_a_request_that_was_made(tmp_path: Path) -> None:
    assert visit("print('ok\\nfailed\\nok')", tmp_path).failures == {"failed": 1}


def test_a_run_by_time_may_make_any_number_of_requests(tmp_path: Path) -> None:
    assert visit("print('ok')", tmp_path, Settings(tool_seconds=0.1)).requests == 1


@pytest.fixture
def installed_ab() -> str:
    program = shutil.which("ab")
    if program is None:
        pytest.skip("ab is not installed")
    return program


@pytest.mark.needs_ab
@pytest.mark.parametrize("keepalive", [False, True])
def test_ab_measures_a_server_that_answers(installed_ab: str, tmp_path: Path, keepalive: bool) -> None:
    answer = says(whole(fields="Connection: keep-alive\r\n" if keepalive else ""), stays=keepalive)
    with serving(answer, keepalive=keepalive) as target:
        outcome = run_tool(ab.PLUGIN, installed_ab, target, Settings(tool_requests=50), tmp_path)

    assert outcome.requests == 50
    assert outcome.failures == {}
    assert 0 < outcome.percentiles_us[1] <= outcome.percentiles_us[98]


@pytest.mark.needs_ab
def test_ab_runs_for_the_time_it_is_given(installed_ab: str, tmp_path: Path) -> None:
    with serving(says(whole())) as target:
        outcome = run_tool(ab.PLUGIN, installed_ab, target, Settings(tool_seconds=1), tmp_path)

    assert outcome.requests > 0
    assert outcome.duration_s >= 1


@pytest.mark.needs_ab
def test_ab_counts_what_is_not_2xx(installed_ab: str, tmp_path: Path) -> None:
    with serving(says(whole(status="502 Bad Gateway"))) as target:
        outcome = run_tool(ab.PLUGIN, installed_ab, target, Settings(tool_requests=5), tmp_path)

    assert outcome.requests == 0
    assert outcome.failures == {"status not 2xx": 5}


@pytest.mark.needs_ab
def test_ab_without_a_server_says_that_it_was_refused(installed_ab: str, tmp_path: Path) -> None:
    with serving(says(b"")) as target:
        pass

    with pytest.raises(LoadError, match=r": apr_socket_.*: Connection refused"):
        run_tool(ab.PLUGIN, installed_ab, target, Settings(tool_requests=5), tmp_path)
