"""Kernel values that change each other come back together; what cannot come back is refused before it is changed."""

import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.lab.kernel.entries import Entry, entries_of, groups_of, put_back, to_write_back, trial_problem
from harness.lab.kernel.global_values import global_values
from harness.lab.kernel.journal import JOURNAL, recover
from harness.lab.kernel.linked_values import contradictions, irreversible
from harness.lab.kernel.problems import knob_problems
from harness.lab.kernel.settings import Kernel, Setting
from harness.lab.kernel.sysctl import sysctl_knob
from harness.lab.kernelfiles import Roots
from harness.model.knobs import FileText

RATIO, KBYTES = Path("/proc/sys/vm/overcommit_ratio"), Path("/proc/sys/vm/overcommit_kbytes")
DIRTY_RATIO, DIRTY_BYTES = Path("/proc/sys/vm/dirty_background_ratio"), Path("/proc/sys/vm/dirty_background_bytes")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def kernel(**values: int) -> Kernel:
    """Of sysctls below vm, by their last part."""
    names = {f"vm.{name}": value for name, value in values.items()}
    return Kernel(tuple(Setting(name, value, sysctl_knob(name, "global")) for name, value in names.items()))


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


def killed_inside(kernels: Sequence[Kernel], last: Kernel, state: Path) -> None:
    """A run is killed that has gone through all of `kernels` and has the machine as `last` wants it."""
    child = os.fork()
    if child == 0:
        with global_values(kernels, state) as switch:
            for each in (*kernels, last):
                switch.to(each)
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
        with global_values([Kernel(), tuned], tmp_path / "state") as switch:
            assert switch.to(tuned) == {f"vm.{amount.name}": str(other)}
            assert texts(ratio, amount) == ["0", str(other)]
            switch.to(Kernel())
            assert texts(ratio, amount) == before
            switch.to(tuned)
        assert texts(ratio, amount) == before
        killed_inside([tuned, Kernel()], tuned, tmp_path / "state")
        assert texts(ratio, amount) == ["0", str(other)]
        assert recover(tmp_path / "state").problems == ()
        assert texts(ratio, amount) == before


@AS_ROOT
@pytest.mark.needs_root
def test_arms_may_each_have_another_of_the_pair(tmp_path: Path) -> None:
    by_ratio, by_amount = kernel(overcommit_ratio=60), kernel(overcommit_kbytes=7_000_000)
    with kept(RATIO, KBYTES) as before:
        KBYTES.write_text("9000000")
        with global_values([by_ratio, by_amount], tmp_path / "state") as switch:
            for _ in range(2):
                switch.to(by_ratio)
                assert texts(RATIO, KBYTES) == ["60", "0"]
                switch.to(by_amount)
                assert texts(RATIO, KBYTES) == ["0", "7000000"]
        assert texts(RATIO, KBYTES) == ["0", "9000000"]
        RATIO.write_text(before[0])


def machine(top: Path, **values: str) -> Roots:
    """A machine with these files below vm, which do not know of each other."""
    (top / "proc/sys/vm").mkdir(parents=True)
    for name, text in values.items():
        (top / "proc/sys/vm" / name).write_text(f"{text}\n")
    return Roots(top)


def entries(roots: Roots, name: str, text: str) -> list[Entry]:
    path = str(roots.proc / "sys/vm" / name)
    return entries_of({path: [FileText(path, text)]}, roots)


def test_both_of_a_pair_are_journalled_and_what_was_in_force_is_written(tmp_path: Path) -> None:
    for number, (ratio, amount, written) in enumerate(
        [("20", "0", "dirty_ratio"), ("0", "4096000", "dirty_bytes"), ("0", "0", "dirty_ratio")]
    ):
        roots = machine(tmp_path / str(number), dirty_ratio=ratio, dirty_bytes=amount)
        [group] = groups_of(entries(roots, "dirty_bytes", "8192000"))
        assert [Path(entry.path).name for entry in group] == ["dirty_ratio", "dirty_bytes"]
        assert [Path(entry.path).name for entry in to_write_back(group)] == [written]


def test_a_value_that_is_not_back_after_it_was_written_is_a_problem_with_the_command(tmp_path: Path) -> None:
    """These files do not change each other, which is what a kernel with another rule would do."""
    roots = machine(tmp_path, dirty_ratio="20", dirty_bytes="0")
    found = entries(roots, "dirty_bytes", "8192000")
    (tmp_path / "proc/sys/vm/dirty_bytes").write_text("8192000")
    [problem] = put_back(found)
    assert problem.stays
    assert f"Run as root: echo '0' > {tmp_path}/proc/sys/vm/dirty_bytes" in problem.sentence


@AS_ROOT
@pytest.mark.needs_root
def test_a_trial_write_of_the_old_value_finds_what_the_kernel_would_not_take_back() -> None:
    """Alone, without its counterpart, 0 is no value of dirty_background_bytes."""
    with kept(DIRTY_RATIO, DIRTY_BYTES):
        if DIRTY_BYTES.read_text().strip() != "0":
            pytest.skip("dirty_background_bytes is in force here")
        alone = Entry(path=str(DIRTY_BYTES), form="words", before="0", ours=("300000000",))
        assert "does not even take the value that it has, 0: Invalid argument" in (trial_problem([alone]) or "")
        together = entries_of({str(DIRTY_BYTES): [FileText(str(DIRTY_BYTES), "300000000")]})
        assert trial_problem(together) is None
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
    assert reason in (irreversible(name, text) or "")


@pytest.mark.parametrize(("name", "text"), [("kernel.yama.ptrace_scope", "2"), ("vm.swappiness", "1"), ("", "3")])
def test_ordinary_values_can(name: str, text: str) -> None:
    assert irreversible(name, text) is None


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
    assert list(contradictions(["vm.dirty_ratio", "vm.dirty_bytes", "vm.swappiness"])) == [
        ["vm.dirty_ratio", "vm.dirty_bytes"]
    ]
    assert list(contradictions(["kernel.watchdog", "kernel.nmi_watchdog"])) == []


def test_a_journal_of_before_there_were_groups_is_still_read(tmp_path: Path) -> None:
    roots = machine(tmp_path, swappiness="10")
    path = tmp_path / "proc/sys/vm/swappiness"
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    text = f'{{"boot":"unknown","entries":[{{"path":"{path}","form":"words","before":"60","ours":["10"]}}]}}'
    (state / JOURNAL).write_text(text)
    (state / JOURNAL).chmod(0o600)
    assert recover(state, roots).back == (f"{path} is 60 again, as it was before a run that was killed.",)
    assert path.read_text() == "60"
