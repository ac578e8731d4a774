"""Kernel values that change each other come back together; what cannot come back is refused before it is changed."""

import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.model.plugins import FileText
from harness.testbed.availability import knob_problems
from harness.testbed.kernel.host_values import switch_host_values
from harness.testbed.kernel.journal import JOURNAL_FILE, restore_journal
from harness.testbed.kernel.knob_settings import KernelConfiguration, KnobSetting, sysctl_knob
from harness.testbed.kernel.restore import (
    JournalEntry,
    entries_to_write,
    exclusive_groups,
    group_entries,
    irreversible_reason,
    make_entries,
    restore_entries,
    restore_problem,
)
from harness.testbed.machine.procfs import Roots

RATIO, KBYTES = Path("/proc/sys/vm/overcommit_ratio"), Path("/proc/sys/vm/overcommit_kbytes")
DIRTY_RATIO, DIRTY_BYTES = Path("/proc/sys/vm/dirty_background_ratio"), Path("/proc/sys/vm/dirty_background_bytes")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def kernel(**values: int) -> KernelConfiguration:
    """Of sysctls below vm, by their last part."""
    names = {f"vm.{name}": value for name, value in values.items()}
    return KernelConfiguration(
        tuple(KnobSetting(name, value, sysctl_knob(name, "global")) for name, value in names.items())
    )


def texts(*paths: Path) -> list[str]:
    return [path.read_text().strip() for path in paths]


@contextmanager
def kept(*paths: Path) -> Iterator[list[str]]:
    """The values of this machine, and again whatever a test does; these are used in no mode that is on by default."""
    before = texts(*paths)
    try:
        yield before
    finally:
        for path, text in zip(paths, before, strict=True):
            if text != "0":
                path.write_text(text)


def killed_inside(kernels: Sequence[KernelConfiguration], last: KernelConfiguration, state: Path) -> None:
    """A run is killed that has gone through all of `kernels` and has the machine as `last` wants it."""
    child = os.fork()
    if child == 0:
        with switch_host_values(kernels, state) as switch:
            for each in (*kernels, last):
                switch.switch_to(each)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


@AS_ROOT
@pytest.mark.needs_root
@pytest.mark.parametrize("pair", [(RATIO, KBYTES, 7_000_000), (DIRTY_RATIO, DIRTY_BYTES, 300_000_000)])
def test_a_value_whose_counterpart_was_in_force_is_put_back_through_it(
    tmp_path: Path, pair: tuple[Path, Path, int]
) -> None:
    """The old value of what was not in force, 0, is one that the kernel does not take."""
    ratio, amount, other = pair
    tuned = kernel(**{amount.name: other})
    with kept(ratio, amount) as before:
        with switch_host_values([KernelConfiguration(), tuned], tmp_path / "state") as switch:
            assert switch.switch_to(tuned) == {f"vm.{amount.name}": str(other)}
            assert texts(ratio, amount) == ["0", str(other)]
            switch.switch_to(KernelConfiguration())
            assert texts(ratio, amount) == before
            switch.switch_to(tuned)
        assert texts(ratio, amount) == before
        killed_inside([tuned, KernelConfiguration()], tuned, tmp_path / "state")
        assert texts(ratio, amount) == ["0", str(other)]
        assert restore_journal(tmp_path / "state").problems == ()
        assert texts(ratio, amount) == before


@AS_ROOT
@pytest.mark.needs_root
def test_arms_may_each_have_another_of_the_pair(tmp_path: Path) -> None:
    by_ratio, by_amount = kernel(overcommit_ratio=60), kernel(overcommit_kbytes=7_000_000)
    with kept(RATIO, KBYTES) as before:
        KBYTES.write_text("9000000")
        with switch_host_values([by_ratio, by_amount], tmp_path / "state") as switch:
            for _ in range(2):
                switch.switch_to(by_ratio)
                assert texts(RATIO, KBYTES) == ["60", "0"]
                switch.switch_to(by_amount)
                assert texts(RATIO, KBYTES) == ["0", "7000000"]
        assert texts(RATIO, KBYTES) == ["0", "9000000"]
        RATIO.write_text(before[0])


def machine(top: Path, **values: str) -> Roots:
    """A machine with these files below vm, which do not know of each other."""
    (top / "proc/sys/vm").mkdir(parents=True)
    for name, text in values.items():
        (top / "proc/sys/vm" / name).write_text(f"{text}\n")
    return Roots(top)


def entries(roots: Roots, name: str, text: str) -> list[JournalEntry]:
    path = str(roots.proc / "sys/vm" / name)
    return make_entries({path: [FileText(path, text)]}, roots)


def test_both_of_a_pair_are_journalled_and_what_was_in_force_is_written(tmp_path: Path) -> None:
    for number, (ratio, amount, written) in enumerate(
        [("20", "0", "dirty_ratio"), ("0", "4096000", "dirty_bytes"), ("0", "0", "dirty_ratio")]
    ):
        roots = machine(tmp_path / str(number), dirty_ratio=ratio, dirty_bytes=amount)
        [group] = group_entries(entries(roots, "dirty_bytes", "8192000"))
        assert [Path(entry.path).name for entry in group] == ["dirty_ratio", "dirty_bytes"]
        assert [Path(entry.path).name for entry in entries_to_write(group)] == [written]


def test_a_value_that_is_not_back_after_it_was_written_is_a_problem_with_the_command(tmp_path: Path) -> None:
    """These files do not change each other, which is what a kernel with another rule would do."""
    roots = machine(tmp_path, dirty_ratio="20", dirty_bytes="0")
    found = entries(roots, "dirty_bytes", "8192000")
    (tmp_path / "proc/sys/vm/dirty_bytes").write_text("8192000")
    [problem] = restore_entries(found)
    assert problem.must_stay
    assert f"Run as root: echo '0' > {tmp_path}/proc/sys/vm/dirty_bytes" in problem.sentence


@AS_ROOT
@pytest.mark.needs_root
def test_a_trial_write_of_the_old_value_finds_what_the_kernel_would_not_take_back() -> None:
    """Alone, without its counterpart, 0 is no value of dirty_background_bytes."""
    with kept(DIRTY_RATIO, DIRTY_BYTES):
        if DIRTY_BYTES.read_text().strip() != "0":
            pytest.skip("dirty_background_bytes is in force here")
        alone = JournalEntry(path=str(DIRTY_BYTES), form="words", before="0", ours=("300000000",))
        assert "does not even take the value that it has, 0: Invalid argument" in (restore_problem([alone]) or "")
        together = make_entries({str(DIRTY_BYTES): [FileText(str(DIRTY_BYTES), "300000000")]})
        assert restore_problem(together) is None
        assert DIRTY_BYTES.read_text().strip() == "0"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("vm.drop_caches", "3", "an action"),
        ("vm.compact_memory", "1", "an action"),
        ("kernel.msg_next_id", "1", "an action"),
        ("fs.binfmt_misc.status", "0", "an action"),
        ("kernel.core_pattern", "core", "a program"),
        ("kernel.modules_disabled", "1", "until it is rebooted"),
        ("kernel.kexec_load_disabled", "1", "until it is rebooted"),
        ("kernel.yama.ptrace_scope", "3", "until it is rebooted"),
        ("kernel.unprivileged_bpf_disabled", "1", "until it is rebooted"),
    ],
)
def test_what_can_never_be_put_back_is_known(name: str, text: str, reason: str) -> None:
    assert reason in (irreversible_reason(name, text) or "")


@pytest.mark.parametrize(("name", "text"), [("kernel.yama.ptrace_scope", "2"), ("vm.swappiness", "1"), ("", "3")])
def test_ordinary_values_can(name: str, text: str) -> None:
    assert irreversible_reason(name, text) is None


@AS_ROOT
@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"drop_caches": 3}, "is write-only|could not be restored"),
        ({"compact_memory": 1}, "is write-only|could not be restored"),
        ({"dirty_bytes": 8192000, "dirty_ratio": 30}, "exclude each other in one arm"),
        ({"overcommit_kbytes": 7_000_000}, ""),
    ],
)
def test_a_run_hears_of_it_before_anything_is_changed(values: dict[str, int], sentence: str) -> None:
    found = "\n".join(knob_problems([kernel(**values)], allow_global=True))
    assert re.search(sentence, found) if sentence else found == ""


def test_of_linked_values_only_some_exclude_each_other() -> None:
    assert list(exclusive_groups(["vm.dirty_ratio", "vm.dirty_bytes", "vm.swappiness"])) == [
        ["vm.dirty_ratio", "vm.dirty_bytes"]
    ]
    assert list(exclusive_groups(["kernel.watchdog", "kernel.nmi_watchdog"])) == []


def test_a_journal_of_before_there_were_groups_is_still_read(tmp_path: Path) -> None:
    roots = machine(tmp_path, swappiness="10")
    path = tmp_path / "proc/sys/vm/swappiness"
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    text = f'{{"boot":"unknown","entries":[{{"path":"{path}","form":"words","before":"60","ours":["10"]}}]}}'
    (state / JOURNAL_FILE).write_text(text)
    (state / JOURNAL_FILE).chmod(0o600)
    assert restore_journal(state, roots).restored == (f"{path} is 60 again, as it was before a run that was killed.",)
    assert path.read_text() == "60"
