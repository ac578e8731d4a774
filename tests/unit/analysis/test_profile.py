"""The functions that a difference is made of: found where they are, and nowhere else."""

import numpy as np
import pytest

from harness.analysis.why.profile import profile_comparisons, profile_gaps
from harness.analysis.why.subsystems import is_blind_spot, subsystem_of
from harness.model import ProfilePart
from tests.support.profiled_sessions import Truth, profiled_run, timer_samples

# Like the app under TCP: some functions take most of the time, most take little.
LEVELS_US = {f"function_{number}_[k]": 60 / (1 + number) ** 1.1 for number in range(200)}


def truth(**extra_us: float) -> Truth:
    """An arm, and the same with more time in some functions."""
    more = {f"{name}_[k]": us for name, us in extra_us.items()}
    base = {**LEVELS_US, **dict.fromkeys(more, 0.0)}
    return {"tcp": base, "unix": {name: us + more.get(name, 0.0) for name, us in base.items()}}


def functions(sessions: int, seed: int, **extra_us: float) -> tuple[ProfilePart, ...]:
    (comparison,) = profile_comparisons(profiled_run(truth(**extra_us), sessions, seed))
    return comparison.functions


@pytest.mark.parametrize("sessions", [5, 8])
def test_two_equal_arms_have_a_different_function_in_at_most_one_of_twenty_runs(sessions: int) -> None:
    runs = 40
    false = sum(any(part.verdict != "undecided" for part in functions(sessions, seed)) for seed in range(runs))
    assert false <= 5, "5 % of 40 runs are 2; more than 5 would be chance once in 70 times"


def test_a_function_that_takes_20_us_more_is_found_with_its_size_and_nothing_else() -> None:
    covered = 0
    for seed in range(10):
        different = [part for part in functions(8, seed, burn=20.0) if part.verdict != "undecided"]
        assert "burn" in [part.name for part in different]
        assert len(different) <= 2
        burn = next(part for part in different if part.name == "burn")
        assert burn.verdict == "more"
        assert burn.us.low is not None
        assert burn.us.high is not None
        covered += burn.us.low <= 20 * 1.0 <= burn.us.high
    assert covered >= 7


def test_the_interval_covers_what_a_timer_misses_because_it_samples_the_same_places_of_requests() -> None:
    plain = {f"function_{number}_[k]": us for number, us in enumerate([4.0, 8.0, 16.0, 12.0, 20.0] * 4)}
    before, after = dict(list(plain.items())[:6]), dict(list(plain.items())[6:])
    runs = {"plain": {**before, "burn_[k]": 0.0, **after}, "burn": {**before, "burn_[k]": 20.0, **after}}
    covered = others = 0
    for seed in range(12):
        (comparison,) = profile_comparisons(profiled_run(runs, 8, seed, timer_samples))
        burn, *rest = sorted(comparison.functions, key=lambda part: part.name)
        assert (burn.name, burn.verdict) == ("burn", "more")
        assert burn.us.low is not None
        assert burn.us.high is not None
        covered += burn.us.low <= 20 <= burn.us.high
        others += any(part.verdict != "undecided" for part in rest)
    assert covered >= 10
    assert others <= 2


def test_functions_with_few_samples_are_not_judged() -> None:
    (comparison,) = profile_comparisons(profiled_run(truth(), 8))
    assert comparison.least_samples == 40
    assert min(part.samples for part in comparison.functions) >= 40
    assert len(comparison.functions) < len(LEVELS_US)


def test_subsystems_add_up_to_the_cpu_time() -> None:
    (comparison,) = profile_comparisons(profiled_run(truth(tcp_ack=9.0), 8))
    total = sum(part.us.value for part in comparison.subsystems)
    assert total == pytest.approx(comparison.cpu_us["app"].value, abs=1e-6)
    assert comparison.profiled_cpu_us["app"].value == pytest.approx(1.2 * total, rel=1e-6)
    assert {part.name for part in comparison.subsystems} == {"TCP", "other kernel code"}


def test_four_sessions_are_too_few() -> None:
    run = profiled_run(truth(), 4)
    assert profile_comparisons(run) == ()
    assert profile_gaps(run.sessions) == ("Functions are compared from 5 sessions with a profile on; this run has 4.",)
    assert profile_gaps(profiled_run(truth(), 5).sessions) == ()


def test_the_order_of_arms_flips_the_sign_only() -> None:
    forth = profile_comparisons(profiled_run(truth(tcp_ack=9.0), 8))[0]
    swapped = {"unix": truth(tcp_ack=9.0)["unix"], "tcp": truth()["tcp"]}
    assert np.sign(forth.functions[0].us.value) == 1
    back = profile_comparisons(profiled_run({**swapped, "tcp": {**truth(tcp_ack=0.0)["tcp"]}}, 8))[0]
    assert back.functions[0].name == "tcp_ack"
    assert back.functions[0].verdict == "less"


@pytest.mark.parametrize(
    ("function", "subsystem"),
    [
        ("tcp_ack_[k]", "TCP"),
        ("__inet_lookup_established_[k]", "TCP"),
        ("unix_stream_sendmsg_[k]", "Unix socket"),
        ("ip_finish_output2_[k]", "IP and softirq"),
        ("__d_lookup_rcu_[k]", "VFS and epoll"),
        ("skb_copy_datagram_iter_[k]", "copy"),
        ("kmem_cache_alloc_[k]", "memory"),
        ("_raw_spin_lock_[k]", "locks"),
        ("_raw_spin_unlock_irqrestore_[k]", "interrupts off"),
        ("do_syscall_64_[k]", "entry and exit"),
        ("strange_[k]", "other kernel code"),
        ("_PyEval_EvalFrameDefault (python3.11)", "Python interpreter"),
        ("[_ssl.cpython-311-x86_64-linux-gnu.so]", "Python interpreter"),
        ("ngx_palloc (nginx)", "nginx"),
        ("[nginx]", "nginx"),
        ("malloc (libc.so.6)", "libraries"),
        ("[unknown]", "other user code"),
    ],
)
def test_each_function_has_a_subsystem(function: str, subsystem: str) -> None:
    assert subsystem_of(function) == subsystem


def test_a_timer_is_blind_where_interrupts_are_off() -> None:
    assert is_blind_spot("_raw_spin_unlock_irqrestore")
    assert not is_blind_spot("_raw_spin_lock")
