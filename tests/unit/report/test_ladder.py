"""Reports on ladders: golden texts, the waterfall, and what is said in each case."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.plot_data import plot_data
from harness.analysis.statistics.series import SessionData
from harness.analysis.summary import run_summary
from harness.analysis.why.explain import add_causes
from harness.model import Design, Doubt, Experiment, Summary
from harness.report.answer import summary_answer
from harness.report.document import Bar
from harness.report.export.csv_file import render_csv
from harness.report.figures.waterfalls import ladder_figure
from harness.report.sections.ladder import ladder_sections
from tests.support.ladder_experiments import climbing, networks, whole_ladder
from tests.support.run_reports import render_html, render_markdown, render_plan, render_terminal
from tests.support.simulated_run import Run, run_of

DATA = Path(__file__).parents[2] / "data" / "report" / "ladder"
ADDED = {"own": 0.0, "veth": 0.02, "bridge": 0.03, "nat": 0.025, "relay": 0.1, "cgroup": 0.002, "seccomp": 0.01}
LEFT_OUT = Doubt(kind="left-out", seen="Arm 'ssbd': this CPU has no switch for it.", advice="The rest was measured.")


def truth(experiment: Experiment, beyond: float = 0.0) -> dict[str, float]:
    below = ["own", "veth", "bridge", "nat", "relay"]
    factors = {}
    for arm in experiment.arms:
        on = arm.settings.network
        network = below[: below.index(on) + 1] if on in below and arm.settings.transport == "tcp" else []
        whole = beyond if len(arm.settings.sandbox) > 1 else 0
        factors[arm.name] = 1 + sum(ADDED[rung] for rung in (*network, *arm.settings.sandbox)) + whole
    return factors


def counted(run: Run) -> Run:
    """With what was counted: each rung of the network costs TCP a softirq more, and a relay a connection."""
    steps = dict(zip(("own", "veth", "bridge", "nat", "relay"), range(5), strict=True))

    def counters(arm: str) -> dict[str, float]:
        settings = run.plan.experiment.arm(arm).settings
        tcp, rung = settings.transport == "tcp", steps.get(settings.network, 0)
        return {
            "net.segments_out": (22.0 if tcp else 10.0) + (12.0 if tcp and rung == 4 else 0.0),
            "net.link_packets": 24.0 * rung if tcp else 0.0,
            "host.net_rx": 10.0 + (4.0 * rung if tcp else 0.0),
            **dict.fromkeys(("nginx.voluntary", "app.voluntary"), 3.0 + (tcp and rung == 4)),
        }

    sessions = [
        SessionData(
            one.record.model_copy(
                update={
                    "visits": tuple(
                        visit.model_copy(update={"counters": counters(visit.arm)}) for visit in one.record.visits
                    )
                }
            ),
            one.requests,
        )
        for one in run.sessions
    ]
    summary = run_summary(
        run.plan.experiment, sessions, directory="results/ladder", schedule=run.plan.schedule, seconds_total=30.0
    )
    records = [one.record for one in sessions]
    return replace(run, summary=add_causes(summary, run.plan.experiment, records), sessions=tuple(sessions))


@pytest.fixture(scope="module")
def run() -> Run:
    experiment = whole_ladder()
    return counted(run_of(truth(experiment), experiment=experiment, rounds=30, doubts=[LEFT_OUT]))


def said(summary: Summary) -> str:
    return " ".join(sentence for one in ladder_sections(summary, Design()) for sentence in one.sentences)


def test_a_report_reads_as_expected(run: Run, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / "ladder.txt", render_terminal(run.summary, Design(), width=80))
    golden(DATA / "ladder.120.txt", render_terminal(run.summary, Design(), width=120))
    golden(DATA / "ladder.md", render_markdown(run.summary, Design()))


def test_a_plan_reads_as_expected(run: Run, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / "plan.txt", render_plan(run.plan, 240.0, width=100))


def test_a_spreadsheet_has_the_sums(run: Run) -> None:
    lines = render_csv(run.summary).splitlines()
    for quantity in ("network_at_once", "sum_of_steps", "beyond_the_sum"):
        assert sum(f",{quantity}_difference_us," in line for line in lines) == len(run.summary.ladders)


def test_a_bar_begins_where_the_one_below_ended(run: Run) -> None:
    ladder = run.summary.ladders[0]
    figure = ladder_figure(ladder, 0)
    assert figure is not None
    bars = [mark for mark in figure.marks if isinstance(mark, Bar)]
    ends = [bar.end for bar in bars]
    inside = 6  # four rungs of the network, two of the sandbox
    assert [bar.start for bar in bars[1:inside]] == pytest.approx(ends[: inside - 1])
    [together] = ladder.together
    assert together.sum is not None
    assert ends[inside - 1] == pytest.approx(together.sum.us, rel=1e-4)
    assert bars[-1].start == pytest.approx(ends[3])  # the relay stands on nat


def test_a_page_has_a_waterfall_and_tables_for_each_transport(run: Run) -> None:
    page = render_html(run.summary, run.plan, run.host, plot_data(run.plan.experiment, run.sessions))
    for words in ("Rung by rung", "ladder-0", "ladder-1", "What a container would add over uds-tmpfs"):
        assert words in page
    assert page.count('<td class="verdict reference">reference</td>') == 2 + 2  # each bottom, here and in its ladder


def test_what_was_counted_stands_beside_each_step_that_costs_something(run: Run) -> None:
    assert "; bridge: CPU time +" in said(run.summary)
    assert "packets on links +24.0, network softirqs +4.00" in said(run.summary)
    assert "Counters of the network at each step, per request" in render_terminal(run.summary, Design(), width=120)


def test_what_is_left_out_is_named_once(run: Run) -> None:
    assert said(run.summary).count("Not available: Arm 'ssbd': this CPU has no switch for it.") == 1


def test_more_than_the_sum_is_said() -> None:
    experiment = whole_ladder(["tcp"])
    summary = run_of(truth(experiment, beyond=0.1), experiment=experiment, rounds=20).summary
    assert "together they cost more than the sum" in said(summary)


def test_a_whole_without_parts_says_what_is_missing() -> None:
    tables = {"host": {}, "all": {"network": "nat", "sandbox": ["cgroup", "seccomp"]}}
    experiment = climbing(tables, ["tcp"])
    summary = run_of({arm.name: 1.0 for arm in experiment.arms}, experiment=experiment).summary
    assert "not measured separately: nat, cgroup and seccomp" in said(summary)


def test_a_ladder_of_networks_only_ends_at_its_highest_rung() -> None:
    experiment = climbing(networks("host", "own", "veth"), ["tcp"])
    summary = run_of({"host/tcp": 1.0, "own/tcp": 1.0, "veth/tcp": 1.2, "control": 1.0}, experiment=experiment).summary
    assert summary_answer(summary, Design()).startswith("Over tcp, everything up to veth adds ")
    assert "The network alone, from host/tcp to veth/tcp at once" in said(summary)


def test_one_session_gives_no_numbers_and_says_so() -> None:
    experiment = whole_ladder(["tcp"])
    summary = run_of(truth(experiment), experiment=experiment, sessions=1).summary
    assert "has no verdict" in summary_answer(summary, Design())
    assert "No verdict on veth: 1 session has times of both arms" in said(summary)
    assert ladder_figure(summary.ladders[0], 0) is None


def test_a_socket_that_moved_is_said_beside_its_ladder() -> None:
    experiment = whole_ladder()
    moved = {**truth(experiment), "veth/uds-tmpfs": 1.2}
    summary = run_of(moved, experiment=experiment, rounds=20).summary
    assert "veth and bridge changed the time nevertheless (see Doubts)." in said(summary)
