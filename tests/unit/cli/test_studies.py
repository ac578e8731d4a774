"""barehop advise and barehop history as commands: what they print and write, and that nothing is applied."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.analysis.between_runs.changes import RunData
from harness.cli import cli
from harness.errors import ConfigError
from harness.model import Experiment
from harness.session.summarize import read_results, write_reports
from tests.support.comparable_runs import run_data, write_run
from tests.support.factorial_experiments import factorial
from tests.support.simulated_run import run_of

SACK = "net.ipv4.tcp_sack"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a study in which tcp_sack = 0 makes requests faster."""
    experiment = factorial({f"knobs.{SACK}": [1, 0]}, against={f"knobs.{SACK}": 1})
    return write_study(tmp_path_factory.mktemp("study") / "2026-05-01T10-00-00Z", experiment)


def write_study(directory: Path, experiment: Experiment) -> Path:
    truth = {arm.name: 0.9 if arm.settings.knobs[SACK] == 0 else 1.0 for arm in experiment.arms if not arm.control_of}
    run = run_of(truth, experiment=experiment)
    data = RunData(run.plan, run.summary, [session.record for session in run.sessions], run.host)
    write_reports(read_results(write_run(data, directory)))
    return directory


def output(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout


def test_advice_names_what_helps_in_every_format(study: Path) -> None:
    for form in ([], ["--markdown"], ["--csv"], ["--html"]):
        assert "tcp_sack" in output("advise", study, *form)
    (change,) = json.loads(output("advise", study, "--json"))["changes"]
    assert (change["standing"], change["at"], change["sysctls"]) == ("helps", {SACK: "0"}, {SACK: SACK})


def test_the_sysctl_file_is_written_or_printed_for_review(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "90-barehop.conf"

    output("advise", study, "--sysctl", path)

    assert "\nnet.ipv4.tcp_sack = 0\n" in path.read_text()
    assert output("advise", study, "--sysctl", "-") == path.read_text()


def test_a_run_without_knobs_has_no_advice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="compares no kernel settings"):
        output("advise", write_run(run_data(), tmp_path / "run"))


def test_a_history_has_a_line_for_each_run_and_a_page_beside_them(study: Path) -> None:
    text = output("history", study.parent)
    assert "1 run of 1 experiment" in text
    assert (
        json.loads(output("history", study.parent, "--json"))["runs"][0]["id"] in (study / "summary.json").read_text()
    )

    page = study.parent / "history.html"

    assert output("history", study.parent, "--html").strip() == str(page)
    assert f'href="{study.name}/report.html"' in page.read_text()


def test_every_link_of_a_history_leads_to_a_report_or_to_a_row_of_it(study: Path, tmp_path: Path) -> None:
    levels = {f"knobs.{name}": [1, 0] for name in (SACK, "net.ipv4.tcp_autocorking")}
    screen = factorial(levels, against="", design={"screen": "plackett-burman"})
    for place in ("first", "second"):
        write_study(tmp_path / place, screen)
    for directory in (tmp_path, study.parent):
        output("history", directory, "--html")
        page = directory / "history.html"
        links = re.findall(r'href="([^"?]+)"', page.read_text())
        rows = [link for link in links if ".html#" in link]
        for name, _, anchor in (link.partition("#") for link in links):
            target = (directory / name).read_text() if name else page.read_text()
            assert not anchor or f'id="{anchor}"' in target
        assert rows
