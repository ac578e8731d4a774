"""What can be measured on this machine: `barehop doctor`."""

import os
from collections.abc import Iterator, Sequence

from harness import plugins
from harness.errors import MachineError
from harness.experiment.constraints import sentences_on_arms
from harness.experiment.transports import transports
from harness.model import Arm, Design, Experiment, LoadTool, Settings
from harness.model.record import HostFacts
from harness.observe.doubts.context import Context
from harness.observe.doubts.cpus import noise_doubts
from harness.observe.doubts.network import bare_network_doubts
from harness.observe.host.facts import SystemState, host_facts, read_system_state
from harness.observe.host.noise import Noise, OsNoise, measure_noise, measure_osnoise
from harness.observe.host.serving import read_pyperf_system
from harness.observe.perf import INSTALL_ADVICE, RIGHTS_ADVICE, can_count
from harness.report.commands.machine import Diagnosis, MachineCheck
from harness.report.format import format_duration
from harness.session.preflight import machine_problems, service_failures, system_problems, without_unavailable_arms
from harness.testbed.blueprint import Machine
from harness.testbed.hop_addresses import socket_parent
from harness.testbed.kernel.knob_settings import UNCHANGED_KERNEL
from harness.testbed.kernel.tuning import plan_tuning
from harness.testbed.machine.placement import placement_of
from harness.testbed.network.sysctl_copy import can_gain_network_rights
from harness.testbed.processes.process import own_pids
from harness.testbed.servers.programs import find_nginx, find_program, find_python

LEFT_OUT = "These arms would be left out, and the rest measured."
FAST_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")  # read without a system call
DEEP_IDLE_US = 50  # about a tenth of a request
MAX_LOST_PERCENT = 1.0
LONG_GAP_US = 10_000  # a whole time slice of the scheduler or the hypervisor


def diagnose(experiment: Experiment | None, machine: Machine, seconds: float) -> Diagnosis:
    """Return checks and conclusions, after watching each CPU for `seconds` (0: not at all)."""
    facts, tuning = host_facts({}), plan_tuning()
    kernel = facts["kernel"]
    findings = [
        finding("kernel", f"Linux {kernel['release']} on {kernel['machine']}, {facts['system']}"),
        *_program_findings(),
        rights_finding("root" if os.geteuid() == 0 else "an ordinary user", own_networks=can_gain_network_rights()),
        _placement_finding(machine),
        *_directory_findings(machine),
        *(() if experiment else _resource_findings()),
        *(_noise_findings(machine, seconds) if seconds else ()),
        _hardware_finding(facts),
        _frequency_finding(facts),
        *system_state_findings(read_system_state()),
        *_port_findings(facts),
        *(finding(doubt.kind, doubt.seen, doubt.advice) for doubt in bare_network_doubts(Context())),
        tuning_finding(tuning.changes(), tuning.refused),
        _perf_finding(),
        *_pyperf_findings(),
    ]
    if experiment:
        findings += _experiment_findings(experiment, machine)
    return Diagnosis(checks=tuple(findings), conclusions=tuple(_conclusions(findings, facts)))


def exit_code(diagnosis: Diagnosis) -> int:
    """Return the exit code of the command: not 0 if something is missing."""
    return MachineError.exit_code if any(check.state == "missing" for check in diagnosis.checks) else 0


def finding(subject: str, text: str, advice: str = "") -> MachineCheck:
    """Return a finding that is a doubt if there is `advice`."""
    return MachineCheck(subject, "doubt" if advice else "ok", text, advice)


def missing_finding(subject: str, problem: str, separator: str = ". ") -> MachineCheck:
    """Return a finding on a `problem` that names what is missing, then the advice."""
    text, _, advice = problem.partition(separator)
    return MachineCheck(subject, "missing", text, advice)


def _program_findings() -> Iterator[MachineCheck]:
    try:
        nginx = find_nginx("nginx")
        yield finding("nginx", f"{nginx.path}, version {'.'.join(map(str, nginx.version))}")
    except MachineError as problem:
        yield missing_finding("nginx", str(problem))
    try:
        yield finding("gunicorn", f"runs in {find_python('', 'uvicorn')}")
    except MachineError as problem:
        yield missing_finding("gunicorn", str(problem))
    ab = plugins.load(LoadTool, "ab")
    path = find_program(ab.program)
    yield finding("ab", path) if path else finding("ab", "not installed", f"configs/seed.toml needs it. {ab.install}")


def rights_finding(who: str, *, own_networks: bool) -> MachineCheck:
    """Return which kernel settings user `who` may change here."""
    if not own_networks:
        advice = "Run as root, or allow user namespaces (sysctl user.max_user_namespaces); all else can be measured."
        return finding("rights", f"runs as {who} without network namespaces: no TCP settings, no conntrack", advice)
    if who == "root":
        return finding("rights", "runs as root: all settings; host-wide settings need run --allow-global")
    return finding("rights", f"runs as {who}: TCP settings in its own user namespace, no host-wide settings")


def _placement_finding(machine: Machine) -> MachineCheck:
    shared = "Client and servers share CPUs: differences are valid, throughput does not carry over to larger machines."
    reason = placement_of("auto", machine.topology, 1).reason
    return finding("placement", reason, "" if len(machine.topology.cpus) >= 3 else shared)


def _directory_findings(machine: Machine) -> Iterator[MachineCheck]:
    for name, transport in transports().items():
        if transport.address_kind != "port":
            if parent := socket_parent(transport, machine.parents):
                yield finding(name, f"sockets are created in a private directory in {parent}")
            else:
                yield finding(name, "no directory of the right kind", "Leave this transport out.")


def _resource_findings() -> Iterator[MachineCheck]:
    """Check the system and the resources for a run of one ordinary stack."""
    arm = Arm(name="ordinary", settings=Settings())
    ordinary = Experiment(name="ordinary", question="", arms=(arm,), pairs=(), design=Design())
    problems = list(system_problems(ordinary, [UNCHANGED_KERNEL]))
    for problem in problems:
        yield missing_finding("surroundings", problem, ": " if problem.startswith("lo ") else ". ")
    if not problems:
        yield finding("surroundings", "lo is up; files, processes and memory suffice for one stack")


def _noise_findings(machine: Machine, seconds: float) -> Iterator[MachineCheck]:
    """Watch the idle machine first, then each CPU while a busy loop runs on it."""
    yield _noise_finding(measure_noise(seconds, own_pids()))
    yield from osnoise_findings([measure_osnoise(cpu, seconds) for cpu in machine.topology.numbers])


def _noise_finding(noise: Noise) -> MachineCheck:
    busiest = ", ".join(f"{process.name} {process.percent:.0f} %" for process in noise.top[:3])
    text = (
        f"in {format_duration(noise.seconds)} other processes used {noise.others_percent:.0f} % of a CPU"
        f"{f' ({busiest})' if busiest else ''}, {noise.steal_percent:.1f} % was stolen"
    )
    return finding(
        "noise", text, "Stop other programs; otherwise intervals become wider." if any(noise_doubts(noise)) else ""
    )


def osnoise_findings(gaps: Sequence[OsNoise]) -> Iterator[MachineCheck]:
    """Yield a finding for each CPU on the time that interrupts, processes or the hypervisor took."""
    advice = "Interrupts, other processes or the hypervisor took it: measure elsewhere, or for longer."
    for cpu in gaps:
        text = (
            f"CPU {cpu.cpu}: a {cpu.seconds:.1f} s busy loop lost {cpu.lost_percent:.2g} % of its time in {cpu.count} "
            f"gaps (longest {cpu.longest_us / 1000:.2g} ms)"
        )
        is_noisy = cpu.lost_percent > MAX_LOST_PERCENT or cpu.longest_us > LONG_GAP_US
        yield finding("gaps", text, advice if is_noisy else "")


def _hardware_finding(facts: HostFacts) -> MachineCheck:
    signs = {"a virtual machine": facts["virtual"]["machine"], "a container": facts["virtual"]["container"]}
    if text := " and ".join(f"{sign} ({name})" for sign, name in signs.items() if name):
        return finding("hardware", text, "Absolute times drift by tens of percent here; paired differences do not.")
    return finding("hardware", "no sign of a hypervisor or a container")


def _frequency_finding(facts: HostFacts) -> MachineCheck:
    governors = {policy.get("scaling_governor", "unknown") for policy in facts["cpus"]["frequency"] or ()}
    if not governors:
        return finding("frequency", "not shown by the kernel", "Rely on differences, not on absolute times.")
    advice = "" if governors == {"performance"} else "Set the governor to performance."
    return finding("frequency", f"governor {', '.join(sorted(governors))}", advice)


def system_state_findings(state: SystemState) -> Iterator[MachineCheck]:
    """Yield the findings on the settings of the machine."""
    if state.clock:
        slow = "Each reading is a system call or slower, in every timing program."
        yield finding("clock", state.clock, "" if state.clock in FAST_CLOCKS else slow)
    if state.timer_hz:
        yield finding("timer", f"{state.timer_hz} ticks a second (CONFIG_HZ)")
    if state.idle_exit_us:
        states = ", ".join(f"{name} {latency_us} us" for name, latency_us in state.idle_exit_us.items())
        deep = "A request that wakes a CPU waits this long: barehop tune disables deep idle states."
        is_deep = max(state.idle_exit_us.values()) > DEEP_IDLE_US
        yield finding("idle states", f"wake-up latencies: {states}", deep if is_deep else "")
    if state.halt_poll_ns == 0:
        advice = "Every wake-up may be an exit to the hypervisor: barehop tune enables polling if it may."
        yield finding("halt polling", "an idle CPU halts at once", advice)
    elif state.halt_poll_ns:
        yield finding("halt polling", f"an idle CPU polls for work for up to {state.halt_poll_ns} ns")
    if state.huge_pages:
        advice = "The kernel may compact memory at any time: madvise is steadier."
        yield finding("huge pages", state.huge_pages, advice if state.huge_pages == "always" else "")
    if state.services:
        advice = "They move interrupts, change settings or filter packets: stop them for a bare baseline."
        yield finding("services", f"running: {', '.join(state.services)}", advice)


def _port_findings(facts: HostFacts) -> Iterator[MachineCheck]:
    advice = "Without keep-alive the TCP arm runs out of ports at about 470 connections/s: set it to 1."
    for name in ("net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_timestamps"):
        if str(facts["sysctls"].get(name)) == "0":
            yield finding(name, "0", advice)


def tuning_finding(changes: Sequence[str], refused: dict[str, str]) -> MachineCheck:
    """Return what barehop tune would change here, and what it cannot change."""
    cannot = f"; cannot set {', '.join(refused)}" if refused else ""
    if not changes:
        return finding("tune", f"barehop tune would change nothing{cannot}")
    advice = "To measure on the tuned machine: barehop tune -- barehop run CONFIG. It restores everything."
    return finding("tune", f"barehop tune would set {', '.join(changes)}{cannot}", advice)


def _perf_finding() -> MachineCheck:
    path = find_program("perf")
    if path is None:
        return finding("perf", "not installed, so no system calls per request", INSTALL_ADVICE)
    if not can_count():
        return finding("perf", f"{path}, but it may not count system calls of other processes", RIGHTS_ADVICE)
    return finding("perf", path)


def _pyperf_findings() -> Iterator[MachineCheck]:
    """Report the output of `pyperf system show`. Its advice is for tuning; barehop also works without."""
    for subject, texts in read_pyperf_system().items():
        warnings, advices = texts.get("warning", []), texts.get("advice", [])
        text = "; ".join([*texts.get("state", []), *warnings]) or "could be tuned"
        yield MachineCheck("pyperf", "doubt" if warnings else "ok", f"{subject}: {text}", "; ".join(advices))


def _experiment_findings(experiment: Experiment, machine: Machine) -> list[MachineCheck]:
    rest = without_unavailable_arms(experiment, machine.parents)
    problems = [*machine_problems(rest, machine), *map(str, service_failures(rest))]
    left_out = [finding(rest.name, sentence, LEFT_OUT) for sentence in sentences_on_arms(rest.left_out.items())]
    complete = finding(rest.name, "this machine has everything that the experiment needs")
    return [*left_out, *(MachineCheck(rest.name, "missing", problem) for problem in problems)] or [complete]


def _conclusions(findings: Sequence[MachineCheck], facts: HostFacts) -> Iterator[str]:
    states = {finding.subject: finding.state for finding in findings}
    if "missing" in states.values():
        yield "Install the missing items above before measuring."
        return
    yield "Which arm is faster, and by how many percent and microseconds: yes, from paired bursts with a control."
    if facts["virtual"]["machine"] or states["frequency"] != "ok":
        yield "Absolute time of a request in microseconds: only roughly, the speed of this machine's CPUs varies."
    if states["placement"] != "ok":
        yield "Requests per second on a larger machine: no, client and servers share CPUs here."
    if states.get("noise") == "doubt":
        yield "Small differences: only with a longer budget, the machine is not quiet."
