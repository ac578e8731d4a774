"""Samples are read from what `perf script` really writes, and become stacks of arms and roles."""

from pathlib import Path

import pytest

from harness.observe.profile import FRAME_POINTERS, fold_stacks, frame_name, is_nameless, sampling_event
from harness.observe.recording import Window

# perf 6.1 on Linux 6.18: nginx 812 sends, gunicorn 815 runs Python, then a process of somebody else.
SCRIPT = """\
    812/812    4125.729706001: \n\
\tffffffff8207cead tcp_ack ([kernel.kallsyms])
\tffffffff82080cfa tcp_rcv_state_process.isra.0 ([kernel.kallsyms])
\tffffffff82092ec5 tcp_v4_do_rcv ([kernel.kallsyms])
\tffffffff8225aa01 do_syscall_64 ([kernel.kallsyms])
\tffffffff81000130 entry_SYSCALL_64_after_hwframe ([kernel.kallsyms])
\t          10aba4 __send (/usr/lib/x86_64-linux-gnu/libc.so.6)
\te91bf98000007efe [unknown] ([unknown])

    815/816    4125.729900000: \n\
\t          15c9f3 _PyFunction_Vectorcall (/usr/bin/python3.11 (deleted))

    815/816    4125.731000000: \n\
\t          15c9f3 _PyFunction_Vectorcall (/usr/bin/python3.11 (deleted))

    815/816    4125.731500000: \n\
\tffffffffc0801234 nf_hook_slow ([nf_tables])
\t          1a0000 [unknown] (/usr/sbin/nginx)

    999/999    4125.731600000: \n\
\t          15c9f3 main (/usr/bin/other)

"""
WINDOWS = (
    Window("tcp", 4_125_729_000_000, 4_125_730_000_000),
    Window("unix", 4_125_731_200_000, 4_125_732_000_000),
)
ROLES = {812: "nginx", 815: "app"}
SENDING = (
    "__send (libc.so.6);entry_SYSCALL_64_after_hwframe_[k];do_syscall_64_[k];tcp_v4_do_rcv_[k];"
    "tcp_rcv_state_process_[k];tcp_ack_[k]"
)


def test_samples_become_stacks_of_the_arm_and_role_that_ran() -> None:
    assert fold_stacks(SCRIPT.splitlines(keepends=True), ROLES.get, WINDOWS) == {
        ("tcp", "nginx", SENDING): 1,
        ("tcp", "app", "_PyFunction_Vectorcall (python3.11)"): 1,
        ("unix", "app", "[nginx];nf_hook_slow_[k]"): 1,
    }


def test_the_last_sample_needs_no_empty_line() -> None:
    text = SCRIPT.partition("\n\n")[0]
    assert fold_stacks(text.splitlines(keepends=True), ROLES.get, WINDOWS) == {("tcp", "nginx", SENDING): 1}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("ffffffff81e7f15f __tcp_transmit_skb.constprop.0 ([kernel.kallsyms])", "__tcp_transmit_skb_[k]"),
        ("ffffffff81e7f15f foo.isra.0.part.1.cold ([kernel.kallsyms])", "foo_[k]"),
        ("ffffffff81e7f15f kmem_cache_alloc_noprof ([kernel.kallsyms])", "kmem_cache_alloc_[k]"),
        ("ffffffffc0801234 nft_do_chain ([nf_tables])", "nft_do_chain_[k]"),
        ("ffffffff81e7f15f [unknown] ([kernel.kallsyms])", "[kernel]_[k]"),
        ("ffff800010aa55cc [unknown] ([unknown])", "[kernel]_[k]"),
        ("7f00 std::less<int>::operator()(int) const (/usr/lib/x.so)", "std::less<int>::operator()(int) const (x.so)"),
        ("7f00 [unknown] (/usr/lib/x86_64-linux-gnu/libc.so.6)", "[libc.so.6]"),
        ("7f00 __vdso_clock_gettime ([vdso])", "__vdso_clock_gettime (vdso)"),
        ("e91bf98000007efe [unknown] ([unknown])", "[unknown]"),
        ("nonsense", "[unknown]"),
    ],
)  # fmt: skip
def test_functions_have_the_same_name_in_all_builds(line: str, name: str) -> None:
    assert frame_name(f"\t{line}\n") == name


def test_a_kernel_that_hides_its_addresses_has_no_functions() -> None:
    assert is_nameless({("tcp", "app", "[kernel]_[k]"): 9, ("tcp", "app", "tcp_ack_[k]"): 1})
    assert is_nameless({("tcp", "app", "main (nginx)"): 9})
    assert not is_nameless({("tcp", "app", "[kernel]_[k]"): 1, ("tcp", "app", "tcp_ack_[k]"): 9})


def test_cycles_are_sampled_where_the_machine_counts_them(tmp_path: Path) -> None:
    assert sampling_event(tmp_path) == "cpu-clock"
    (tmp_path / "armv8_pmuv3_0").mkdir()
    assert sampling_event(tmp_path) == "cycles"


def test_a_timer_has_another_period_in_each_turn_and_a_cycle_counter_a_frequency() -> None:
    turns = [FRAME_POINTERS.options("cpu-clock", f"1/{turn}") for turn in range(40)]
    periods_us = [int(options[3]) / 1000 for options in turns]
    assert min(periods_us) < 210
    assert max(periods_us) > 290
    assert len(set(periods_us)) == 40
    assert turns[3] == FRAME_POINTERS.options("cpu-clock", "1/3")
    assert FRAME_POINTERS.options("cycles", "1/3") == ("-e", "cycles", "-F", "4000", "--call-graph", "fp")
