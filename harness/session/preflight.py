"""Checks the machine against the experiment before anything is started."""

from collections.abc import Iterator, Mapping, Sequence

from harness import plugins
from harness.errors import HarnessError, MachineError, raise_if_any
from harness.experiment.arms import (
    SERVER_FILES,
    max_pending_requests,
    open_connections,
    server_files,
    services_of,
    stacks_of,
)
from harness.experiment.constraints import OWN_CLIENT, sentences_on_arms
from harness.experiment.pairs import without_arms
from harness.load.probe import service_errors
from harness.model import Experiment, LoadTool, Settings
from harness.model.record import HostFacts
from harness.observe.cpu_time import service_machine_problems
from harness.observe.events import event_problems
from harness.observe.host.facts import host_facts
from harness.observe.host.serving import environment_facts, serving_facts
from harness.testbed.availability import knob_problems, rung_problems
from harness.testbed.blueprint import Machine, protocol_problems, stack_problems
from harness.testbed.hop_addresses import ParentDirectories, transport_problem
from harness.testbed.kernel.knob_settings import KernelConfiguration, kernel_configurations_of
from harness.testbed.machine.placement import placement_of
from harness.testbed.machine.pyperf_metadata import pyperf_facts
from harness.testbed.machine.resources import MIB, ResourceDemand, loopback_problem, resource_problems
from harness.testbed.servers.application import find_app_python
from harness.testbed.servers.gunicorn import server_environment
from harness.testbed.servers.programs import find_program

WORKER_FILES = 16  # opened by this process to read a worker's counters
RUN_PROCESSES, STACK_PROCESSES = 8, 8  # a stack: 2 supervisors, 2 masters, nginx's worker, a relay, 2 spare
STACK_MEMORY_BYTES, WORKER_MEMORY_BYTES = 32 * MIB, 48 * MIB  # a worker with uvicorn needs about 40 MiB

NOTHING_TO_COMPARE = "Without these arms, nothing is left to compare."
SCREEN_NEEDS_ALL = "A screen needs all its arms."


def check_machine(experiment: Experiment, machine: Machine) -> None:
    """Raise MachineError with every problem of this machine for `experiment`."""
    raise_if_any(machine_problems(experiment, machine), MachineError)


def check_client(experiment: Experiment) -> None:
    """Raise MachineError with every problem of this machine as a client of servers on another one."""
    problems = [*_tool_problems(experiment), *resource_problems(client_demand(experiment))]
    raise_if_any(dict.fromkeys(problems), MachineError)


def without_unavailable_arms(experiment: Experiment, parents: ParentDirectories) -> Experiment:
    """Return the experiment without arms that are unavailable here; unchanged if nothing is left to compare."""
    reasons = _unavailable_arms(experiment, parents, tries_rungs=True)
    return without_arms(experiment, reasons) if reasons and _has_comparison(experiment, reasons) else experiment


def comparison_problems(experiment: Experiment, parents: ParentDirectories, *, tries_rungs: bool = True) -> list[str]:
    """Return why arms are unavailable here, if without them nothing is left to compare.

    Without `tries_rungs`, nothing is started but programs that are asked for their version.
    """
    reasons = _unavailable_arms(experiment, parents, tries_rungs=tries_rungs)
    if not reasons or _has_comparison(experiment, reasons):
        return []
    texts = [(arm.name, reasons[arm.name]) for arm in experiment.arms if arm.name in reasons and not arm.control_of]
    return [*sentences_on_arms(texts), SCREEN_NEEDS_ALL if experiment.levels else NOTHING_TO_COMPARE]


def _has_comparison(experiment: Experiment, without: Mapping[str, str]) -> bool:
    """Return whether the arms other than `without` have a comparison, beside the control's; a screen needs all."""
    rest = without_arms(experiment, without)
    return not experiment.levels and any(rest.arm(arm).control_of is None for arm, _ in rest.pairs)


def machine_problems(experiment: Experiment, machine: Machine) -> list[str]:
    """Return everything that this machine lacks for `experiment`; start nothing."""
    groups = stacks_of(experiment)
    kernels = kernel_configurations_of(groups)
    around = system_problems(experiment, kernels)
    missing = (problem for arms in groups for problem in stack_problems(arms, machine))
    rungs = (problem for arms in groups for problem in rung_problems(arms[0].settings))
    knobs = knob_problems(kernels, allow_global=machine.allows_host_values)
    services = _service_problems(experiment, machine)
    programs = [*_tool_problems(experiment), *event_problems(experiment.counters)]
    of_arms = comparison_problems(experiment, machine.parents)
    others = dict.fromkeys([*around, *missing, *rungs, *knobs, *services, *programs])
    return of_arms + [problem for problem in others if not any(problem in sentence for sentence in of_arms)]


def system_problems(experiment: Experiment, kernels: Sequence[KernelConfiguration]) -> Iterator[str]:
    """Yield problems of the loopback interface, unless all stacks have their own, and of resources."""
    if any(not kernel.own_network for kernel in kernels) and (problem := loopback_problem()):
        yield problem
    yield from resource_problems(resource_demand(experiment))


def check_services(experiment: Experiment) -> None:
    """Raise HarnessError unless every url answers with 2xx; its class is that of the first failure."""
    if failures := service_failures(experiment):
        raise type(failures[0])("\n".join(map(str, failures)))


def service_failures(experiment: Experiment) -> list[HarnessError]:
    """Return the error of each url that fails; the control has the url of its arm."""
    arms = [arm for arm in services_of(experiment) if arm.control_of is None]
    return [fault for arm in arms for fault in service_errors(arm)]


def external_tool(settings: Settings) -> LoadTool | None:
    """Return the load tool of an arm; None for barehop's own client."""
    return None if settings.tool == OWN_CLIENT else plugins.load(LoadTool, settings.tool)


def run_facts(experiment: Experiment, server: HostFacts | None = None) -> HostFacts:
    """Return the content of host.json: the machine, and the versions of all programs that take part.

    `server`: the facts of the machine with the servers, where that is another one.
    """
    all_settings = [arm.settings for arm in experiment.arms]
    of_stacks = [settings for settings in all_settings if not settings.url and server is None]
    tools = {settings.tool: tool for settings in all_settings if (tool := external_tool(settings))}
    programs: dict[str, Sequence[str]] = {
        settings.nginx: (find_program(settings.nginx) or settings.nginx, "-V") for settings in of_stacks
    }
    programs |= {name: (find_program(tool.program) or tool.program, *tool.version) for name, tool in tools.items()}
    pythons = {
        settings.python: (python, "--version")
        for settings in of_stacks
        if settings.python and (python := find_app_python(settings))
    }
    facts = host_facts(programs | pythons)
    facts["pyperf"], facts["environment"] = pyperf_facts(), environment_facts(server_environment())
    if of_stacks:
        facts["serving"] = serving_facts(experiment.arms, facts["programs"])
    if server is not None:
        facts["serving"], facts["programs"] = server.get("serving"), server.get("programs", {}) | facts["programs"]
        facts["server"] = {part: fact for part, fact in server.items() if part not in ("serving", "programs")}
    return facts


def _unavailable_arms(experiment: Experiment, parents: ParentDirectories, *, tries_rungs: bool) -> dict[str, str]:
    """Return why arms are unavailable here, by arm."""
    texts = {
        arm.name: " ".join(_unavailability_reasons(arm.settings, parents, tries_rungs=tries_rungs))
        for arm in experiment.arms
    }
    return {arm: text for arm, text in texts.items() if text}


def _unavailability_reasons(settings: Settings, parents: ParentDirectories, *, tries_rungs: bool) -> Iterator[str]:
    if tries_rungs:
        yield from rung_problems(settings)
    if not settings.url and (problem := transport_problem(settings.transport, parents)):
        yield problem
    if settings.protocol != "auto":
        yield from protocol_problems(settings)


def _service_problems(experiment: Experiment, machine: Machine) -> Iterator[str]:
    for arm in services_of(experiment):
        yield from service_machine_problems(arm.settings)
        try:
            placement_of(arm.settings.placement, machine.topology, 1)
        except MachineError as problem:
            yield str(problem)


def _tool_problems(experiment: Experiment) -> Iterator[str]:
    for arm in experiment.arms:
        tool = external_tool(arm.settings)
        if tool and find_program(tool.program) is None:
            yield f"There is no program {tool.program!r}, which tool = {arm.settings.tool!r} runs. {tool.install}"


def client_demand(experiment: Experiment) -> ResourceDemand:
    """Return the resources of a client of servers on another machine."""
    return ResourceDemand(
        connections=max((max_pending_requests(arm.settings) for arm in experiment.arms), default=0),
        files=SERVER_FILES + open_connections(experiment.arms),
        processes=RUN_PROCESSES,
        memory_bytes=0,
    )


def resource_demand(experiment: Experiment) -> ResourceDemand:
    """Return the resources of a run; `files` is the largest number that one process opens."""
    groups = stacks_of(experiment)
    workers = [arms[0].settings.workers for arms in groups]
    at_client = SERVER_FILES + open_connections(experiment.arms) + WORKER_FILES * sum(workers)
    return ResourceDemand(
        connections=max((max_pending_requests(arm.settings) for arm in experiment.arms), default=0),
        files=max([at_client, *map(server_files, groups)]),
        processes=RUN_PROCESSES + STACK_PROCESSES * len(groups) + sum(workers),
        memory_bytes=STACK_MEMORY_BYTES * len(groups) + WORKER_MEMORY_BYTES * sum(workers),
    )
