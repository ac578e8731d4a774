"""What this machine is good for, before anything is measured: `barehop doctor`."""

import os
from collections.abc import Callable, Iterator, Sequence

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
from harness.observe.host.versions import read_pyperf_system
from harness.observe.perf import INSTALL_ADVICE, RIGHTS_ADVICE, can_count
from harness.report.commands.machine import CheckState, MachineCheck
from harness.report.format import format_duration
from harness.session.preflight import machine_problems, service_failures, system_problems, without_unavailable_arms
from harness.testbed.blueprint import Machine
from harness.testbed.kernel.settings import UNCHANGED_KERNEL
from harness.testbed.kernel.tuning import plan_tuning
from harness.testbed.machine.placement import placement_of
from harness.testbed.network.sysctl_copy import can_gain_network_rights
from harness.testbed.processes.process import own_pids
from harness.testbed.servers.programs import find_nginx, find_program, find_python

MISSING: CheckState = "missing"
LEFT_OUT = "These arms would be left out, and the rest measured."
FAST_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")  # read without a system call
DEEP_IDLE_US = 50  # about a tenth of a request
MAX_LOST_PERCENT = 1.0
LONG_GAP_US = 10_000  # a whole time slice of the scheduler or the hypervisor


def examine(experiment: Experiment | None, machine: Machine, seconds: float) -> tuple[list[MachineCheck], list[str]]:
    """Return findings and conclusions, after watching each CPU for `seconds` (0: not at all)."""
    facts = host_facts({})
    findings = [
        _kernel_finding(facts),
        *_program_findings(),
        _user_rights_finding(),
        _placement_finding(machine),
        *_directory_findings(machine),
        *(() if experiment else _resource_findings()),
        *(_noise_findings(machine, seconds) if seconds else ()),
        _hardware_finding(facts),
        _frequency_finding(facts),
        *system_state_findings(read_system_state()),
        *_port_findings(facts),
        *_packet_filter_findings(),
        _tune_finding(),
        _perf_finding(),
        *_pyperf_findings(),
    ]
    if experiment:
        findings += _experiment_findings(experiment, machine)
    return findings, list(_conclusions(findings, facts))


def exit_code(findings: Sequence[MachineCheck]) -> int:
    """Return the exit code of the command: not 0 if something is missing."""
    return MachineError.exit_code if any(finding.state == MISSING for finding in findings) else 0


def _kernel_finding(facts: HostFacts) -> MachineCheck:
    kernel = facts["kernel"]
    return MachineCheck("kernel", "ok", f"Linux {kernel['release']} on {kernel['machine']}, {facts['system']}", "")


def _program_findings() -> Iterator[MachineCheck]:
    yield _program_finding("nginx", lambda: _version_text(find_nginx("nginx").path, find_nginx("nginx").version))
    yield _program_finding("gunicorn", lambda: f"runs in {find_python('', 'uvicorn')}")
    ab = plugins.load(LoadTool, "ab")
    path = find_program(ab.program)
    missing = f"configs/seed.toml needs it. {ab.install}"
    yield MachineCheck("ab", "ok" if path else "doubt", path or "not installed", "" if path else missing)


def _program_finding(subject: str, find: Callable[[], str]) -> MachineCheck:
    try:
        return MachineCheck(subject, "ok", find(), "")
    except MachineError as problem:
        what, _, advice = str(problem).partition(". ")
        return MachineCheck(subject, MISSING, what, advice)


def _version_text(path: str, version: tuple[int, ...]) -> str:
    return f"{path}, version {'.'.join(map(str, version))}"


def _user_rights_finding() -> MachineCheck:
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    return rights_finding(who, own_networks=can_gain_network_rights())


def _placement_finding(machine: Machine) -> MachineCheck:
    placement = placement_of("auto", machine.topology, 1)
    cpus = len(machine.topology.cpus)
    if cpus >= 3:
        return MachineCheck("placement", "ok", placement.reason, "")
    advice = "Client and servers share CPUs: differences are valid, throughput does not carry over to larger machines."
    return MachineCheck("placement", "doubt", placement.reason, advice)


def _directory_findings(machine: Machine) -> Iterator[MachineCheck]:
    for name, transport in transports().items():
        if transport.address_kind == "port":
            continue
        parent = machine.parents[transport.address_kind]
        if parent:
            yield MachineCheck(name, "ok", f"sockets are created in a private directory in {parent}", "")
        else:
            yield MachineCheck(name, "doubt", "no directory of the right kind", "Leave this transport out.")


def _resource_findings() -> Iterator[MachineCheck]:
    """Check the system and the resources for a run of one ordinary stack."""
    arm = Arm(name="ordinary", settings=Settings())
    ordinary = Experiment(name="ordinary", question="", arms=(arm,), pairs=(), design=Design())
    problems = list(system_problems(ordinary, [UNCHANGED_KERNEL]))
    for problem in problems:
        what, _, advice = problem.partition(": " if problem.startswith("lo ") else ". ")
        yield MachineCheck("surroundings", MISSING, what, advice)
    if not problems:
        yield MachineCheck("surroundings", "ok", "lo is up; files, processes and memory suffice for one stack")


def _noise_findings(machine: Machine, seconds: float) -> Iterator[MachineCheck]:
    """Watch the idle machine first, then each CPU while a busy loop runs on it."""
    yield _noise_finding(measure_noise(seconds, own_pids()))
    yield from osnoise_findings([measure_osnoise(cpu, seconds) for cpu in machine.topology.numbers])


def _tune_finding() -> MachineCheck:
    tuning = plan_tuning()
    return tuning_finding(tuning.changes(), tuning.refused)


def _noise_finding(noise: Noise) -> MachineCheck:
    busiest = ", ".join(f"{process.name} {process.percent:.0f} %" for process in noise.top[:3])
    text = (
        f"in {format_duration(noise.seconds)} other processes used {noise.others_percent:.0f} % of a CPU"
        f"{f' ({busiest})' if busiest else ''}, {noise.steal_percent:.1f} % was stolen"
    )
    if any(noise_doubts(noise)):
        return MachineCheck("noise", "doubt", text, "Stop other programs; otherwise intervals become wider.")
    return MachineCheck("noise", "ok", text, "")


def _hardware_finding(facts: HostFacts) -> MachineCheck:
    machine, container = facts["virtual"]["machine"], facts["virtual"]["container"]
    if not machine and not container:
        return MachineCheck("hardware", "ok", "no sign of a hypervisor or a container", "")
    signs = {"a virtual machine": machine, "a container": container}
    text = " and ".join(f"{sign} ({name})" for sign, name in signs.items() if name)
    advice = "Absolute times drift by tens of percent here; paired differences do not."
    return MachineCheck("hardware", "doubt", text, advice)


def _frequency_finding(facts: HostFacts) -> MachineCheck:
    policies = facts["cpus"]["frequency"]
    if not policies:
        return MachineCheck(
            "frequency", "doubt", "not shown by the kernel", "Rely on differences, not on absolute times."
        )
    governors = sorted({policy.get("scaling_governor", "unknown") for policy in policies})
    if governors == ["performance"]:
        return MachineCheck("frequency", "ok", "governor performance", "")
    return MachineCheck("frequency", "doubt", f"governor {', '.join(governors)}", "Set the governor to performance.")


def _port_findings(facts: HostFacts) -> Iterator[MachineCheck]:
    sysctls = facts["sysctls"]
    for name in ("net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_timestamps"):
        if str(sysctls.get(name)) == "0":
            advice = "Without keep-alive the TCP arm runs out of ports at about 470 connections/s: set it to 1."
            yield MachineCheck(name, "doubt", "0", advice)


def _packet_filter_findings() -> Iterator[MachineCheck]:
    for doubt in bare_network_doubts(Context()):
        yield MachineCheck(doubt.kind, "doubt", doubt.seen, doubt.advice)


def _perf_finding() -> MachineCheck:
    path = find_program("perf")
    if path is None:
        return MachineCheck("perf", "doubt", "not installed, so no system calls per request", INSTALL_ADVICE)
    if not can_count():
        return MachineCheck(
            "perf", "doubt", f"{path}, but it may not count system calls of other processes", RIGHTS_ADVICE
        )
    return MachineCheck("perf", "ok", path)


def _pyperf_findings() -> Iterator[MachineCheck]:
    """Report the output of `pyperf system show`. Its advice is for tuning; barehop also works without."""
    for subject in read_pyperf_system():
        text = "; ".join((*subject.states, *subject.warnings)) or "could be tuned"
        state: CheckState = "doubt" if subject.warnings else "ok"
        yield MachineCheck("pyperf", state, f"{subject.name}: {text}", "; ".join(subject.advices))


def _experiment_findings(experiment: Experiment, machine: Machine) -> list[MachineCheck]:
    rest = without_unavailable_arms(experiment, machine.parents)
    problems = [*machine_problems(rest, machine), *map(str, service_failures(rest))]
    missing = [MachineCheck(rest.name, MISSING, problem, "") for problem in problems]
    left_out = [
        MachineCheck(rest.name, "doubt", sentence, LEFT_OUT) for sentence in sentences_on_arms(rest.left_out.items())
    ]
    complete = MachineCheck(rest.name, "ok", "this machine has everything that the experiment needs", "")
    return [*left_out, *missing] or [complete]


def _conclusions(findings: Sequence[MachineCheck], facts: HostFacts) -> Iterator[str]:
    states = {finding.subject: finding.state for finding in findings}
    if MISSING in states.values():
        yield "Install the missing items above before measuring."
        return
    yield "Which arm is faster, and by how many percent and microseconds: yes, from paired bursts with a control."
    if facts["virtual"]["machine"] or states["frequency"] != "ok":
        yield "Absolute time of a request in microseconds: only roughly, the speed of this machine's CPUs varies."
    if states["placement"] != "ok":
        yield "Requests per second on a larger machine: no, client and servers share CPUs here."
    if states.get("noise") == "doubt":
        yield "Small differences: only with a longer budget, the machine is not quiet."


def system_state_findings(state: SystemState) -> Iterator[MachineCheck]:
    """Yield the findings on the settings of the machine."""
    yield from _clock_findings(state.clock)
    if state.timer_hz:
        yield MachineCheck("timer", "ok", f"{state.timer_hz} ticks a second (CONFIG_HZ)")
    yield from _idle_findings(state)
    yield from _huge_page_findings(state.huge_pages)
    yield from _service_findings(state.services)


def osnoise_findings(gaps: Sequence[OsNoise]) -> Iterator[MachineCheck]:
    """Yield a finding for each CPU on the time that interrupts, processes or the hypervisor took."""
    for cpu in gaps:
        text = (
            f"CPU {cpu.cpu}: a {cpu.seconds:.1f} s busy loop lost {cpu.lost_percent:.2g} % of its time in {cpu.count} "
            f"gaps (longest {cpu.longest_us / 1000:.2g} ms)"
        )
        noisy = cpu.lost_percent > MAX_LOST_PERCENT or cpu.longest_us > LONG_GAP_US
        advice = (
            "Interrupts, other processes or the hypervisor took it: measure elsewhere, or for longer." if noisy else ""
        )
        yield MachineCheck("gaps", "doubt" if noisy else "ok", text, advice)


def rights_finding(who: str, *, own_networks: bool) -> MachineCheck:
    """Return which kernel settings user `who` may change here."""
    if not own_networks:
        text = f"runs as {who} without network namespaces: no TCP settings, no conntrack"
        advice = "Run as root, or allow user namespaces (sysctl user.max_user_namespaces); all else can be measured."
        return MachineCheck("rights", "doubt", text, advice)
    if who == "root":
        return MachineCheck("rights", "ok", "runs as root: all settings; host-wide settings need run --allow-global")
    text = f"runs as {who}: TCP settings in its own user namespace, no host-wide settings"
    return MachineCheck("rights", "ok", text)


def tuning_finding(changes: Sequence[str], refused: dict[str, str]) -> MachineCheck:
    """Return what barehop tune would change here, and what it cannot change."""
    cannot = f"; cannot set {', '.join(refused)}" if refused else ""
    if not changes:
        return MachineCheck("tune", "ok", f"barehop tune would change nothing{cannot}")
    advice = "To measure on the tuned machine: barehop tune -- barehop run CONFIG. It restores everything."
    return MachineCheck("tune", "doubt", f"barehop tune would set {', '.join(changes)}{cannot}", advice)


def _clock_findings(name: str | None) -> Iterator[MachineCheck]:
    if name is None:
        return
    if name in FAST_CLOCKS:
        yield MachineCheck("clock", "ok", name)
    else:
        yield MachineCheck("clock", "doubt", name, "Each reading is a system call or slower, in every timing program.")


def _idle_findings(state: SystemState) -> Iterator[MachineCheck]:
    if state.idle_exit_us:
        states = ", ".join(f"{name} {latency_us} us" for name, latency_us in state.idle_exit_us.items())
        deep = max(state.idle_exit_us.values()) > DEEP_IDLE_US
        advice = "A request that wakes a CPU waits this long: barehop tune disables deep idle states." if deep else ""
        yield MachineCheck("idle states", "doubt" if deep else "ok", f"wake-up latencies: {states}", advice)
    if state.halt_poll_ns == 0:
        advice = "Every wake-up may be an exit to the hypervisor: barehop tune enables polling if it may."
        yield MachineCheck("halt polling", "doubt", "an idle CPU halts at once", advice)
    elif state.halt_poll_ns:
        yield MachineCheck("halt polling", "ok", f"an idle CPU polls for work for up to {state.halt_poll_ns} ns")


def _huge_page_findings(mode: str | None) -> Iterator[MachineCheck]:
    if mode == "always":
        yield MachineCheck(
            "huge pages", "doubt", mode, "The kernel may compact memory at any time: madvise is steadier."
        )
    elif mode:
        yield MachineCheck("huge pages", "ok", mode)


def _service_findings(names: Sequence[str]) -> Iterator[MachineCheck]:
    if names:
        advice = "They move interrupts, change settings or filter packets: stop them for a bare baseline."
        yield MachineCheck("services", "doubt", f"running: {', '.join(names)}", advice)
