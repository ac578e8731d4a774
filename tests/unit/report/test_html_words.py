"""The sentences that only the page has: typography, the machine, certainty."""

import pytest

from harness.model import Doubt
from harness.report.format import typeset_numbers
from harness.report.html.page import doubt_summary
from harness.report.run_report import report_of
from harness.report.sections.background import machine_facts, method_facts, version_facts
from tests.support.simulated_run import HOST, run_of
from tests.support.source_tree import ROOT

TEXTS = {".py", ".j2", ".css", ".toml", ".md", ".json", ".csv"}


@pytest.mark.parametrize(
    ("typed", "set_"),
    [
        ("faster by 9.6 % (-10.1 to -9.2)", "faster by 9.6\u00a0% (\u221210.1 to \u22129.2)"),
        ("42 us of 437 us", "42\u00a0us of 437\u00a0us"),
        ("uds-tmpfs/net-1 and --budget 58", "uds-tmpfs/net-1 and --budget 58"),
        ("CPUs 0-1 on 2026-03-01", "CPUs 0-1 on 2026-03-01"),
    ],
)
def test_numbers_are_set_as_in_print_and_names_left_alone(typed: str, set_: str) -> None:
    assert typeset_numbers(typed) == set_


def test_microseconds_are_us_everywhere() -> None:
    micro = ("\N{MICRO SIGN}s", "\N{GREEK SMALL LETTER MU}s", "&micro;", "&mu;")
    read_units = ROOT / "harness" / "model" / "tools.py"  # other tools write the sign
    folders = [ROOT / name for name in ("harness", "app", "configs", "scripts", "results/published")]
    texts = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXTS]

    wrong = [
        str(path)
        for path in (*texts, *ROOT.glob("*.md"))
        if path != read_units and any(sign in path.read_text(encoding="utf-8") for sign in micro)
    ]
    assert wrong == []
    assert {path.suffix for path in texts} == TEXTS


def test_the_machine_is_told_in_a_few_words() -> None:
    facts = dict(machine_facts(HOST))
    assert facts["System"] == "Example Linux 12, kernel 6.12.0 (x86_64)"
    assert facts["CPUs"] == "Example CPU 3000, allowed: 0-1, governor: performance"
    assert facts["Mitigations"] == "vulnerable: mds; mitigated: spectre_v2"
    assert facts["Memory"] == "8.0 GiB, huge pages: madvise"
    assert facts["Sockets"] == "/dev/shm: tmpfs (rw, relatime)"


def test_versions_are_those_of_what_took_part() -> None:
    assert dict(version_facts(HOST)) == {"barehop": "0.1.0", "Python": "3.12.1", "nginx": "1.26.0", "uvloop": "1"}


@pytest.mark.parametrize(
    "host", [{}, {"cpus": {}, "kernel": {}}, {"memory": {"transparent_hugepages": {}}, "mounts": {}, "virtual": {}}]
)
def test_what_a_host_does_not_tell_is_left_out(host: dict[str, dict[str, object]]) -> None:
    assert machine_facts(host) == []
    assert version_facts(host) == []


def test_certainty_begins_with_the_control() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, raw=False)
    report = report_of(run.summary, run.plan.experiment.design)
    control, effort, layout = report.certainty
    assert control.startswith("The A/A control (tcp vs. tcp) shows no difference: ")
    assert effort.startswith("8 sessions, 12 s of measuring in 20 s.")
    assert layout == "Memory layout: random. Each start of a server has addresses and a hash seed of its own."
    assert doubt_summary(report) == "No doubts."


def test_an_outside_tool_s_run_is_the_visit() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, raw=False)
    arms = tuple(
        arm.model_copy(update={"settings": arm.settings.model_copy(update={"tool": "ab"})})
        for arm in run.plan.experiment.arms
    )
    plan = run.plan.model_copy(update={"experiment": run.plan.experiment.model_copy(update={"arms": arms})})
    assert dict(method_facts(run.summary, plan, {}))["Visit"] == "2 warm-up requests, then one run of ab."


def test_arms_that_are_placed_differently_are_told_apart() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, raw=False)
    cpus = {"tcp": {"app": [0]}, "uds-tmpfs": {"app": [0, 1]}, "control": {"app": [0]}}
    placed = dict(method_facts(run.summary, run.plan, cpus))["CPUs"]
    assert placed == "tcp and control: app on CPU 0; uds-tmpfs: app on CPUs 0 and 1"


def test_the_memory_layout_of_the_servers_is_named_and_what_was_refused() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, raw=False)
    experiment = run.plan.experiment
    matched = experiment.model_copy(update={"design": experiment.design.model_copy(update={"layout": "matched"})})
    plan = run.plan.model_copy(update={"experiment": matched})
    doubt = Doubt(kind="layout", seen="The kernel refused it.", advice="Allow it.")
    refused = run.summary.model_copy(update={"doubts": (doubt,)})
    texts = [
        dict(method_facts(summary, of_run, {}))["Memory layout"].partition(".")[0]
        for summary, of_run in ((run.summary, run.plan), (run.summary, plan), (refused, plan))
    ]
    assert texts == ["Random", "Matched", "Matched in part"]
