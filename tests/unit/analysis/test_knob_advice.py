"""Advice on knobs: helps, harms, equivalent or undecided, over which transport, and which budget would decide."""

import pytest

from harness.analysis.contrasts.knob_advice import Advice, KnobAdvice, advise
from harness.errors import ConfigError
from harness.model import Experiment, Summary
from tests.support.factorial_experiments import factorial
from tests.support.simulated_run import PILOT, run_of

SACK, DSACK, AUTOGROUP = "net.ipv4.tcp_sack", "net.ipv4.tcp_dsack", "sched.autogroup"


def sysctl_of(knob: str, _value: str) -> str:
    return knob if knob.startswith("net.") else ""


def advice_of(experiment: Experiment, truth: dict[str, float], rounds: int = 40) -> Advice:
    run = run_of(truth, experiment=experiment, rounds=rounds)
    summary = run.summary.model_copy(update={"schedule": run.plan.schedule, "pilot": PILOT})
    return advise(experiment, summary, "6.12.0", sysctl_of)


def one_at_a_time(effects: dict[str, float]) -> Advice:
    experiment = factorial(
        {f"knobs.{knob}": [1, 0] for knob in effects}, against="", design={"screen": "one-at-a-time"}
    )
    truth = {}
    for arm, levels in experiment.levels.items():
        changed = [knob for knob in effects if levels[f"knobs.{knob}"] == "0"]
        truth[arm] = effects[changed[0]] if changed else 1.0
    return advice_of(experiment, truth)


def crossed(times: dict[tuple[str, str], float], against: dict[str, object]) -> Advice:
    experiment = factorial({f"knobs.{SACK}": [1, 0], "transport": ["tcp", "uds-tmpfs"]}, against=against)
    truth = {
        arm.name: times[str(arm.settings.knobs[SACK]), arm.settings.transport]
        for arm in experiment.arms
        if not arm.control_of
    }
    return advice_of(experiment, truth)


def standings(advice: Advice) -> dict[str, str]:
    return {f"{knob}={value}": change.standing for change in advice.changes for knob, value in change.at.items()}


def test_what_is_faster_helps_and_what_is_slower_harms() -> None:
    advice = one_at_a_time({SACK: 0.9, DSACK: 1.1, AUTOGROUP: 1.0})

    assert standings(advice) == {f"{SACK}=0": "helps", f"{DSACK}=0": "harms", f"{AUTOGROUP}=0": "equivalent"}
    assert [change.sysctls for change in advice.changes] == [{SACK: SACK}, {DSACK: DSACK}, {}]


def change_of(advice: Advice) -> KnobAdvice:
    (change,) = advice.changes
    return change


@pytest.mark.parametrize("against", [{"transport": "tcp"}, {f"knobs.{SACK}": 1}])
def test_a_change_that_helps_over_one_transport_and_harms_over_the_other_is_a_trade_off(
    against: dict[str, object],
) -> None:
    times = {("1", "tcp"): 1.0, ("0", "tcp"): 0.9, ("1", "uds-tmpfs"): 0.8, ("0", "uds-tmpfs"): 0.9}

    change = change_of(crossed(times, against))

    assert change.standing == "trade-off"
    verdicts = {effect.transport: effect.verdict for effect in change.effects if effect.metric == "latency"}
    assert verdicts == {"tcp": "faster", "uds-tmpfs": "slower"}
    assert (change.at, change.base) == ({SACK: "0"}, {SACK: "1"})


def test_a_small_effect_that_is_undecided_has_a_budget_that_would_decide_it() -> None:
    experiment = factorial({f"knobs.{SACK}": [1, 0]}, against={f"knobs.{SACK}": 1})
    truth = {arm: 1.011 if levels[f"knobs.{SACK}"] == "0" else 1.0 for arm, levels in levels_of(experiment).items()}

    change = change_of(advice_of(experiment, truth, rounds=6))

    assert change.standing == "undecided"
    (budget_s,) = [effect.budget_s for effect in change.effects if effect.metric == "latency"]
    assert budget_s is not None
    assert budget_s >= experiment.design.budget_s


def levels_of(experiment: Experiment) -> dict[str, dict[str, str]]:
    return {
        arm.name: {f"knobs.{name}": str(value) for name, value in arm.settings.knobs.items()}
        for arm in experiment.arms
        if not arm.control_of
    }


def test_a_control_that_differs_takes_the_verdicts_of_its_metric_away() -> None:
    experiment = factorial({f"knobs.{SACK}": [1, 0]}, against={f"knobs.{SACK}": 1})
    truth = {arm: 0.9 if levels[f"knobs.{SACK}"] == "0" else 1.0 for arm, levels in levels_of(experiment).items()}
    summary = run_of(truth, experiment=experiment).summary

    change = change_of(advise(experiment, with_differing_control(summary, "latency"), "6.12.0", sysctl_of))

    of_latency = next(effect for effect in change.effects if effect.metric == "latency")
    assert (of_latency.verdict, of_latency.why[:15]) == (None, "The A/A control")
    assert next(effect for effect in change.effects if effect.metric == "cpu").verdict == "faster"


def with_differing_control(summary: Summary, metric: str) -> Summary:
    comparisons = tuple(
        comparison.model_copy(update={"verdict": "slower"})
        if summary.arms[comparison.arm].control_of and comparison.metric == metric
        else comparison
        for comparison in summary.comparisons
    )
    return summary.model_copy(update={"comparisons": comparisons})


def test_a_run_without_knobs_has_no_advice() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9})

    with pytest.raises(ConfigError, match=r"compares no kernel settings.*kernel-screen"):
        advise(run.plan.experiment, run.summary, "6.12.0", sysctl_of)
