"""Check what can be concluded on this machine; change nothing and start no server."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness import plugins
from harness.circumstance_findings import circumstance_findings, gap_findings, rights_finding, tuning_finding
from harness.errors import MachineError
from harness.evidence.circumstances import read_circumstances
from harness.evidence.counters.perf import INSTALL, RIGHTS, may_count
from harness.evidence.doubts.bare import bare_doubts, read_bare
from harness.evidence.doubts.noise import noise_doubts
from harness.evidence.doubts.scene import Scene
from harness.evidence.gaps import watch_gaps
from harness.evidence.host import host_facts
from harness.evidence.pyperf_system import pyperf_system
from harness.evidence.quiet import Noise, watch_noise
from harness.experiment.left_out import sentences
from harness.lab.blueprint import Machine
from harness.lab.kernel.settings import UNCHANGED
from harness.lab.kernel.tuning import tuning_of
from harness.lab.network.own_user import can_gain_rights
from harness.lab.placement import place
from harness.lab.process import own_pids
from harness.lab.programs import find_nginx, find_program, find_python
from harness.model import Arm, Design, Experiment, Home, LoadTool, Settings
from harness.preflight import available, faults_of_services, machine_problems, surrounding_problems
from harness.report.findings import Finding, State
from harness.report.wording import duration

MISSING: State = "missing"
LEFT_OUT = "These arms would be left out, and the rest measured."


def examined(experiment: Experiment | None, machine: Machine, seconds: float) -> tuple[list[Finding], list[str]]:
    """Return findings and conclusions, after watching each CPU for `seconds` (0: not at all)."""
    facts = host_facts({})
    findings = [
        _kernel(facts),
        *_programs(),
        _rights(),
        _placement(machine),
        *_directories(machine),
        *(() if experiment else _surroundings()),
        *(_watched(machine, seconds) if seconds else ()),
        _virtual(facts),
        _frequency(facts),
        *circumstance_findings(read_circumstances()),
        *_ports(facts),
        *_bare(),
        _tuning(),
        _perf(),
        *_pyperf(),
    ]
    if experiment:
        findings += _experiment(experiment, machine)
    return findings, list(_conclusions(findings, facts))


def exit_code(findings: Sequence[Finding]) -> int:
    """Return the exit code of the command: not 0 if something is missing."""
    return MachineError.exit_code if any(finding.state == MISSING for finding in findings) else 0


def _kernel(facts: Mapping[str, Any]) -> Finding:
    kernel = facts["kernel"]
    return Finding("kernel", "ok", f"Linux {kernel['release']} on {kernel['machine']}, {facts['system']}", "")


def _programs() -> Iterator[Finding]:
    yield _tried("nginx", lambda: _version(find_nginx("nginx").path, find_nginx("nginx").version))
    yield _tried("gunicorn", lambda: f"runs in {find_python('', 'uvicorn')}")
    ab = plugins.load("harness.load.tools", "ab", LoadTool)
    path = find_program(ab.program)
    missing = f"configs/seed.toml needs it. {ab.install}"
    yield Finding("ab", "ok" if path else "doubt", path or "not installed", "" if path else missing)


def _tried(subject: str, find: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, "ok", find(), "")
    except MachineError as problem:
        what, _, advice = str(problem).partition(". ")
        return Finding(subject, MISSING, what, advice)


def _version(path: str, version: tuple[int, ...]) -> str:
    return f"{path}, version {'.'.join(map(str, version))}"


def _rights() -> Finding:
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    return rights_finding(who, own_networks=can_gain_rights())


def _placement(machine: Machine) -> Finding:
    placement = place("auto", machine.topology, 1)
    cpus = len(machine.topology.cpus)
    if cpus >= 3:
        return Finding("placement", "ok", placement.reason, "")
    advice = "Client and servers share CPUs: differences are valid, throughput does not carry over to larger machines."
    return Finding("placement", "doubt", placement.reason, advice)


def _directories(machine: Machine) -> Iterator[Finding]:
    homes: dict[str, Home] = {"uds-tmpfs": "tmpfs", "uds-dir": "directory"}
    for transport, home in homes.items():
        parent = machine.parents[home]
        if parent:
            yield Finding(transport, "ok", f"sockets are created in a private directory in {parent}", "")
        else:
            yield Finding(transport, "doubt", "no directory of the right kind", "Leave this transport out.")


def _surroundings() -> Iterator[Finding]:
    """Check the system and the resources for a run of one ordinary stack."""
    arm = Arm(name="ordinary", settings=Settings())
    ordinary = Experiment(name="ordinary", question="", arms=(arm,), pairs=(), design=Design())
    problems = list(surrounding_problems(ordinary, [UNCHANGED]))
    for problem in problems:
        what, _, advice = problem.partition(": " if problem.startswith("lo ") else ". ")
        yield Finding("surroundings", MISSING, what, advice)
    if not problems:
        yield Finding("surroundings", "ok", "lo is up; files, processes and memory suffice for one stack")


def _watched(machine: Machine, seconds: float) -> Iterator[Finding]:
    """Watch the idle machine first, then each CPU while a busy loop runs on it."""
    yield _noise(watch_noise(seconds, own_pids()))
    yield from gap_findings([watch_gaps(cpu, seconds) for cpu in machine.topology.numbers])


def _tuning() -> Finding:
    tuning = tuning_of()
    return tuning_finding(tuning.changes(), tuning.refused)


def _noise(noise: Noise) -> Finding:
    busiest = ", ".join(f"{process.name} {process.percent:.0f} %" for process in noise.top[:3])
    text = (
        f"in {duration(noise.seconds)} other processes used {noise.others_percent:.0f} % of a CPU"
        f"{f' ({busiest})' if busiest else ''}, {noise.steal_percent:.1f} % was stolen"
    )
    if any(noise_doubts(noise)):
        return Finding("noise", "doubt", text, "Stop other programs; otherwise intervals become wider.")
    return Finding("noise", "ok", text, "")


def _virtual(facts: Mapping[str, Any]) -> Finding:
    machine, container = facts["virtual"]["machine"], facts["virtual"]["container"]
    if not machine and not container:
        return Finding("hardware", "ok", "no sign of a hypervisor or a container", "")
    signs = {"a virtual machine": machine, "a container": container}
    text = " and ".join(f"{sign} ({name})" for sign, name in signs.items() if name)
    advice = "Absolute times drift by tens of percent here; paired differences do not."
    return Finding("hardware", "doubt", text, advice)


def _frequency(facts: Mapping[str, Any]) -> Finding:
    policies = facts["cpus"]["frequency"]
    if not policies:
        return Finding("frequency", "doubt", "not shown by the kernel", "Rely on differences, not on absolute times.")
    governors = sorted({policy.get("scaling_governor", "unknown") for policy in policies})
    if governors == ["performance"]:
        return Finding("frequency", "ok", "governor performance", "")
    return Finding("frequency", "doubt", f"governor {', '.join(governors)}", "Set the governor to performance.")


def _ports(facts: Mapping[str, Any]) -> Iterator[Finding]:
    sysctls = facts["sysctls"]
    for name in ("net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_timestamps"):
        if str(sysctls.get(name)) == "0":
            advice = "Without keep-alive the TCP arm runs out of ports at about 470 connections/s: set it to 1."
            yield Finding(name, "doubt", "0", advice)


def _bare() -> Iterator[Finding]:
    bare = read_bare(Scene())
    for doubt in bare_doubts(bare, bare):
        yield Finding(doubt.kind, "doubt", doubt.seen, doubt.advice)


def _perf() -> Finding:
    path = find_program("perf")
    if path is None:
        return Finding("perf", "doubt", "not installed, so no system calls per request", INSTALL)
    if not may_count():
        return Finding("perf", "doubt", f"{path}, but it may not count system calls of other processes", RIGHTS)
    return Finding("perf", "ok", path)


def _pyperf() -> Iterator[Finding]:
    """Report the output of `pyperf system show`. Its advice is for tuning; barehop also works without."""
    for subject in pyperf_system():
        text = "; ".join((*subject.states, *subject.warnings)) or "could be tuned"
        state: State = "doubt" if subject.warnings else "ok"
        yield Finding("pyperf", state, f"{subject.name}: {text}", "; ".join(subject.advices))


def _experiment(experiment: Experiment, machine: Machine) -> list[Finding]:
    rest = available(experiment, machine.parents)
    problems = [*machine_problems(rest, machine), *map(str, faults_of_services(rest))]
    missing = [Finding(rest.name, MISSING, problem, "") for problem in problems]
    left_out = [Finding(rest.name, "doubt", sentence, LEFT_OUT) for sentence in sentences(rest.left_out)]
    complete = Finding(rest.name, "ok", "this machine has everything that the experiment needs", "")
    return [*left_out, *missing] or [complete]


def _conclusions(findings: Sequence[Finding], facts: Mapping[str, Any]) -> Iterator[str]:
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
