"""One experiment over hosts: which runs are of one host, what is pooled, and what is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from harness.analysis.between_runs.changes import RunData
from harness.analysis.between_runs.fleet import form_fleet
from harness.analysis.between_runs.hosts import RunOrigin, group_by_host
from harness.analysis.between_runs.pool import Pool, PooledEffect, pool_fleet
from harness.errors import ConfigError
from tests.support.comparable_runs import run_data
from tests.support.fleets import FACTORS, facts, fleet_runs
from tests.support.simulated_run import HOST


def pool(runs: Sequence[RunData], names: Sequence[str] = (), by: str = "") -> Pool:
    return pool_fleet(form_fleet(runs, names or [""] * len(runs)), by)


def effect_of(pooled: Pool, label: str = "uds-tmpfs against tcp", metric: str = "latency") -> PooledEffect:
    return next(effect for effect in pooled.effects if (effect.label, effect.metric) == (label, metric))


def grouped(*origins: tuple[str, Mapping[str, Any], str]) -> list[list[int]]:
    hosts, problems = group_by_host([RunOrigin(*origin) for origin in origins])
    assert problems == []
    return [host.runs for host in hosts]


def other_hardware(host: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**host, "cpus": {**host["cpus"], "online": "0-15"}}


def test_runs_with_one_machine_id_or_one_boot_are_of_one_host() -> None:
    origins = [
        ("a", facts(1, boot=5), ""),
        ("b", facts(2), ""),
        ("c", facts(1, boot=6), ""),
        ("d", facts(3, boot=6), ""),
    ]

    assert grouped(*origins) == [[0, 2, 3], [1]]


def test_a_container_is_on_the_host_whose_boot_it_shares() -> None:
    assert grouped(("a", facts(1, boot=5), ""), ("b", facts(2), ""), ("c", facts(None, boot=5), "")) == [[0, 2], [1]]


def test_without_ids_the_same_hardware_is_one_host_whatever_its_kernel() -> None:
    again = facts(None, "6.18.1")

    assert grouped(("a", facts(None), ""), ("b", again, ""), ("c", other_hardware(again), "")) == [[0, 1], [2]]


def test_the_users_names_count_before_ids() -> None:
    assert grouped(("a", facts(1), "x"), ("b", facts(1), "y"), ("c", {}, "x")) == [[0, 2], [1]]


def test_a_host_without_facts_or_that_could_be_one_of_two_is_named_in_a_sentence() -> None:
    _, without = group_by_host([RunOrigin("results/a", {})])
    _, unclear = group_by_host([RunOrigin(name, facts(number)) for name, number in (("a", 1), ("b", 2), ("c", None))])

    assert without == [
        "results/a does not tell which host it is from: its host.json has no facts. NAME=DIR gives a host its name."
    ]
    assert len(unclear) == 1
    assert unclear[0].startswith("c does not tell which host it is from: it has no machine id, and 2 hosts have")


def test_hosts_are_called_by_the_part_of_their_directory_that_differs() -> None:
    hosts, _ = group_by_host([RunOrigin(f"fleet/web{number}/2026/run", facts(number)) for number in (1, 2)])

    assert [host.name for host in hosts] == ["web1", "web2"]


def test_five_hosts_have_an_effect_and_a_prediction() -> None:
    effect = effect_of(pool(fleet_runs()))

    assert effect.percent is not None
    assert effect.percent.low is not None
    assert effect.percent.low < -9.6 < (effect.percent.high or 0)  # the mean of 10 % less, times FACTORS
    assert effect.verdict == "faster"
    assert (effect.hosts, effect.sessions) == (5, 40)
    assert effect.tau_percent == pytest.approx(2.7, abs=0.7)
    assert effect.prediction_percent is not None
    assert (effect.prediction_percent.low or 0) < effect.percent.low
    assert sum(host.weight_percent or 0 for host in effect.by_host) == pytest.approx(100)


def test_too_few_hosts_are_told_how_many_more() -> None:
    two, four = (effect_of(pool(fleet_runs(FACTORS[:number]))) for number in (2, 4))

    assert (two.percent, two.verdict, two.why) == (None, None, "a pooled effect needs 3 hosts: 1 more.")
    assert four.percent is not None
    assert (four.prediction_percent, four.prediction_why) == (None, "A prediction needs 5 hosts: 1 more.")


def test_runs_of_one_host_count_once() -> None:
    runs = fleet_runs()
    again = run_data("fleet/web1-again", rounds=30, host=facts(1, "6.19.0"), factors={"uds-tmpfs": FACTORS[0]})

    pooled = pool([*runs, again])

    effect = effect_of(pooled)
    assert effect.hosts == 5
    assert (effect.by_host[0].runs, effect.by_host[0].sessions) == (2, 16)
    kernels = next(difference.values for difference in pooled.host if difference.field == "kernel.release")
    assert kernels[0] == "6.18.1 | 6.19.0"


def test_a_run_that_is_not_valid_is_named_and_not_pooled() -> None:
    broken = run_data("fleet/broken", rounds=33, host=facts(9), failures={"uds-dir": 3})

    pooled = pool([*fleet_runs(), broken])

    host = effect_of(pooled).by_host[-1]
    assert effect_of(pooled).hosts == 5
    assert (host.weight_percent, host.why) == (None, "its run is not valid")
    assert pooled.hosts[-1].runs[0].why == "uds-dir: 3 failed requests (502: 3)."


def test_a_host_that_stands_apart_is_named_and_pooled() -> None:
    effect = effect_of(pool(fleet_runs((*FACTORS, 1.5))))

    assert [host.host for host in effect.by_host if host.others] == ["web6"]
    assert effect.hosts == 6


def test_controls_are_judged_alone_and_effects_together() -> None:
    pooled = pool(fleet_runs())

    assert effect_of(pooled, "control against tcp").p_adjusted is None
    smallest = effect_of(pooled, "uds-dir against tcp")
    assert smallest.p_adjusted == pytest.approx(2 * (smallest.p or 0))  # Holm's correction over two pairs


def test_strata_are_the_hosts_with_one_value_of_a_fact() -> None:
    pooled = pool(fleet_runs(), by="kernel.release")

    assert {stratum.value: stratum.hosts for stratum in pooled.strata} == {
        "6.18.1": ("web1", "web3", "web5"),
        "6.12.0": ("web2", "web4"),
    }
    assert [stratum.effects[1].hosts for stratum in pooled.strata] == [3, 2]


def test_a_fact_that_no_host_has_is_refused_with_a_near_one() -> None:
    with pytest.raises(ConfigError, match=r"--by kernel\.relase: no run has this fact.*kernel\.release"):
        pool(fleet_runs(), by="kernel.relase")


def test_other_experiments_versions_copies_and_unknown_hosts_are_a_sentence_each() -> None:
    runs = fleet_runs()
    other = runs[0].plan.experiment.model_copy(update={"name": "other", "pairs": runs[0].plan.experiment.pairs[:2]})
    odd = run_data("fleet/odd", rounds=31, host=facts(7))
    odd = RunData(odd.plan.model_copy(update={"experiment": other}), odd.summary, odd.records, odd.host)
    newer = run_data("fleet/newer", rounds=32, host={**facts(8), "python": {"barehop": "9.0"}})
    nameless = run_data("fleet/nameless", rounds=33, host={})
    copy = run_data("fleet/copy", rounds=39, host=facts(1), factors={"uds-tmpfs": FACTORS[0]})

    with pytest.raises(ConfigError) as refusal:
        pool([*runs, odd, newer, nameless, copy, runs[2]])

    told = str(refusal.value).splitlines()
    assert refusal.value.exit_code == 2
    assert [line.partition(" ")[0] for line in told] == [
        f"fleet/{name}" for name in ("web3", "copy", "odd", "newer", "nameless")
    ]
    assert "is given twice" in told[0]
    assert "is a copy of fleet/web1" in told[1]
    assert "is a run of another experiment" in told[2]
    assert "was measured by barehop 9.0" in told[3]
    assert "does not tell which host it is from" in told[4]


def test_settings_that_differ_are_listed_by_host() -> None:
    runs = fleet_runs()
    runs[1] = run_data("fleet/web2", rounds=38, host=facts(2), paths={"tcp": "/spike/30"})

    assert [(difference.field, difference.values[:2]) for difference in pool(runs).settings] == [
        ("arms.tcp.path", ("/", "/spike/30"))
    ]


def test_the_identity_of_hosts_is_no_difference_between_them() -> None:
    assert not [difference for difference in pool(fleet_runs()).host if difference.field.startswith("identity")]
    assert HOST.get("identity") is None
