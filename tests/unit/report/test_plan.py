"""What `plan`, `show` and `list` print."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.model import Arm, Design, Experiment, Plan, Schedule, Settings
from harness.report.commands.plan import list_report, pilot_plan, stack_report
from harness.report.text.terminal import render_terminal
from tests.support.run_reports import render_plan
from tests.support.simulated_run import PILOT

DATA = Path(__file__).parents[2] / "data" / "report"


def plan(*arms: Arm, rounds: int = 40, burst: int = 8, **design: Any) -> Plan:
    reference = arms[0].name
    experiment = Experiment(
        name="e",
        question="Is it faster?",
        arms=arms,
        pairs=tuple((arm.name, reference) for arm in arms[1:]),
        design=Design(**design),
    )
    schedule = Schedule(
        sessions=12, rounds=rounds, burst=burst, settle=2, reason="as design.sessions and design.rounds say"
    )
    orders = (tuple(tuple(range(len(arms))) for _ in range(rounds)),) * 12
    return Plan(experiment=experiment, schedule=schedule, orders=orders)


def arm(name: str, control_of: str | None = None, **settings: Any) -> Arm:
    return Arm(name=name, settings=Settings(**settings), control_of=control_of)


def test_a_plan_reads_as_expected(golden: Callable[[Path, str], None]) -> None:
    arms = (
        arm("tcp", workers=2),
        arm("uds-tmpfs", workers=2, transport="uds-tmpfs"),
        arm("sack", workers=2, knobs={"net.ipv4.tcp_sack": 0}),
        arm("control", control_of="tcp", workers=2),
    )

    golden(DATA / "plan.txt", render_plan(plan(*arms), 58.3, width=80))


def test_a_short_plan_shows_all_its_rounds() -> None:
    text = render_plan(plan(arm("a"), arm("b", tls=True), rounds=2), None, width=80)

    assert text.endswith("\n1  a, b\n2  a, b\n\n") or text.endswith("\n1  a, b\n2  a, b\n")


def test_a_plan_without_a_pilot_promises_no_time() -> None:
    assert "A pilot determines the duration; the budget is 1 min." in render_plan(
        plan(arm("a"), arm("b", tls=True)), None, width=80
    )


def test_a_visit_of_an_outside_tool_is_one_run() -> None:
    text = render_plan(plan(arm("a", tool="ab"), arm("b", tool="ab", tls=True)), 60, width=200)

    assert "A visit is one run of ab after 2 warm-up requests." in " ".join(text.split())
    assert 'All have tool = "ab".' in text


def test_brackets_are_not_taken_for_markup() -> None:
    cpus = {"client": (0,), "nginx": (1,), "app": (2,)}
    text = render_plan(plan(arm("a"), arm("b", placement=cpus)), None, width=120)

    assert "placement = { client = [0], nginx = [1], app = [2] }" in text


def test_the_list_has_every_setting_with_its_default_and_every_plug_in() -> None:
    text = render_terminal(list_report({"transports": {"tcp": "TCP over loopback."}}), width=200)

    for name, field in Settings.model_fields.items():
        assert f"\n{name}  " in text
        assert str(field.description) in text
    assert "sync and gthread serve WSGI: uvicorn, asgi, sync, gthread" in text
    assert "Transports" in text
    assert "tcp   TCP over loopback." in text


def test_what_an_arm_runs_is_shown_unchanged() -> None:
    conf = "http {\n    server unix:/run/[a].sock;\n}\n"
    line = "gunicorn " + "--option value " * 20

    text = render_terminal(stack_report("tcp", {"nginx.conf": conf, "gunicorn": line}), width=60)

    assert f"nginx.conf\n{conf}" in text
    assert line.rstrip() in text


def test_the_precision_of_the_pilot_reads_as_what_it_expected() -> None:
    schedule = plan(arm("tcp"), arm("uds-tmpfs")).schedule
    pilot = PILOT.model_copy(update={"half_width_percent": 1.5, "gain": 2.3})
    assert pilot_plan(schedule, pilot) == (
        "Plan from the pilot: 12 sessions x 40 rounds; per visit 2 warm-up and 8 timed requests. The pilot expected "
        "±1.5 %, and an interval 2.3 times narrower than from one arm after the other."
    )
