"""Why values of the whole machine cannot be changed, on a machine in a directory; nothing is written there."""

from pathlib import Path

import pytest

from harness import plugins
from harness.model import Knob, KnobValue
from harness.testbed.availability import knob_problems
from harness.testbed.kernel.actions import action_of
from harness.testbed.kernel.host_values import changed_files
from harness.testbed.kernel.knob_settings import KernelConfiguration, KnobSetting, sysctl_knob
from harness.testbed.machine.procfs import Roots

FILES = {
    "proc/cmdline": "quiet isolcpus=2,3",
    "proc/sys/kernel/sched_autogroup_enabled": "1",
    "proc/sys/kernel/version": "6.18",
    "proc/irq/1/smp_affinity_list": "0-1",
    "proc/irq/2/smp_affinity_list": "0-1",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "powersave",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_available_governors": "performance powersave",
    "sys/devices/system/cpu/cpufreq/policy1/scaling_governor": "powersave",
    "sys/devices/system/cpu/cpufreq/policy1/scaling_available_governors": "performance powersave",
    "sys/devices/system/cpu/cpufreq/boost": "1",
}
READ_ONLY = ("proc/sys/kernel/version", "proc/irq/2/smp_affinity_list")


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    for name in READ_ONLY:
        (tmp_path / name).chmod(0o444)
    return Roots(tmp_path)


def setting(name: str, value: KnobValue) -> KnobSetting:
    return KnobSetting(name, value, plugins.table(Knob).get(name) or sysctl_knob(name, "global"))


def problems(roots: Roots, name: str, value: KnobValue, *, allow_global: bool = True) -> list[str]:
    before = {path: path.read_text() for path in roots.top.rglob("*") if path.is_file()}
    found = list(knob_problems([KernelConfiguration((setting(name, value),))], allow_global=allow_global, roots=roots))
    assert {path: path.read_text() for path in before} == before
    return [problem.removeprefix(f'knobs."{name}" = ').replace(str(roots.top), "") for problem in found]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sched.autogroup", 0),
        ("thp.enabled", "never"),
        ("cpu.governor", "performance"),
        ("cpu.boost", "off"),
        ("irq.affinity", "0"),
        ("boot.isolcpus", "2,3"),
        ("kernel.sched_autogroup_enabled", 0),
    ],
)
def test_what_can_be_changed_is_no_problem_where_it_is_allowed(roots: Roots, name: str, value: KnobValue) -> None:
    assert problems(roots, name, value) == []
    asked = problems(roots, name, value, allow_global=False)
    assert len(asked) == (not name.startswith("boot."))
    assert all("Allow it with run --allow-global" in problem for problem in asked)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("cpu.smt", "off", '"off": not available on this machine. Leave it out.'),
        (
            "thp.enabled",
            "sometimes",
            '"sometimes": /sys/kernel/mm/transparent_hugepage/enabled takes one of always, madvise, never. '
            "Choose from these.",
        ),
        ("kernel.version", "7", '"7": /proc/sys/kernel/version is read-only here. Leave it out.'),
        (
            "kernel.sched_autogroup",
            1,
            "1: this kernel has no such sysctl. Did you mean 'kernel.sched_autogroup_enabled'?",
        ),
        (
            "boot.isolcpus",
            "1",
            '"1": this can only be set when the kernel is booted. Run the experiment without it, boot with '
            "isolcpus=1 on the kernel's command line, run it again, and compare: barehop compare DIR DIR.",
        ),
    ],
)
def test_what_cannot_be_changed_is_told_with_the_way_out(
    roots: Roots, name: str, value: KnobValue, sentence: str
) -> None:
    assert problems(roots, name, value) == [sentence]


def test_a_governor_is_refused_for_every_cpu_that_does_not_know_it(roots: Roots) -> None:
    found = problems(roots, "cpu.governor", "ondemand")
    assert len(found) == 2
    assert all("takes one of performance, powersave" in problem for problem in found)


def test_drivers_differ_in_names_and_in_what_is_on(roots: Roots) -> None:
    assert [
        (Path(file.path).name, action_of(file).wanted) for file in changed_files(setting("cpu.boost", "off"), roots)
    ] == [("boost", "0")]
    turbo = roots.sys / "devices/system/cpu/intel_pstate/no_turbo"
    turbo.parent.mkdir()
    turbo.write_text("0")
    assert [
        (Path(file.path).name, action_of(file).wanted) for file in changed_files(setting("cpu.boost", "off"), roots)
    ] == [("no_turbo", "1")]


def test_interrupts_that_belong_to_a_cpu_are_left_there(roots: Roots) -> None:
    assert [Path(file.path).parent.name for file in changed_files(setting("irq.affinity", "0"), roots)] == ["1"]
