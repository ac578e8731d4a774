"""Check whether this machine can run an experiment, and collect the facts that are stored with its results."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness import plugins
from harness.demand import demand_of
from harness.errors import HarnessError, MachineError, raise_all
from harness.evidence.environment import environment_facts
from harness.evidence.host import host_facts
from harness.evidence.pyperf_facts import pyperf_facts
from harness.evidence.service import service_machine_problems
from harness.evidence.serving import serving_facts
from harness.experiment.left_out import without
from harness.experiment.limits import CLIENT
from harness.experiment.sharing import services_of, stacks_of
from harness.lab.blueprint import Machine, stack_problems
from harness.lab.gunicorn import server_environment
from harness.lab.kernel.problems import knob_problems
from harness.lab.kernel.settings import Kernel, kernels_of
from harness.lab.placement import place
from harness.lab.programs import find_program, find_python
from harness.lab.routes import Parents, place_problem
from harness.lab.rungs.problems import rung_problems
from harness.lab.surroundings import lo_problem, room_problems
from harness.load.reach import service_faults
from harness.model import Experiment, LoadTool, Settings


def check_machine(experiment: Experiment, machine: Machine) -> None:
    """Raise MachineError with every problem of this machine for `experiment`."""
    raise_all(machine_problems(experiment, machine), MachineError)


def available(experiment: Experiment, parents: Parents) -> Experiment:
    """Return the experiment without arms that are unavailable here, if the rest can be compared.

    Otherwise, and for a screen, return it unchanged: `check_machine` reports the problems.
    """
    all_reasons = {arm.name: " ".join(_reasons_to_leave_out(arm.settings, parents)) for arm in experiment.arms}
    reasons = {arm: reason for arm, reason in all_reasons.items() if reason}
    rest = without(experiment, reasons) if reasons and not experiment.levels else experiment
    return rest if len(rest.arms) > (2 if rest.design.control else 1) and rest.pairs else experiment


def machine_problems(experiment: Experiment, machine: Machine) -> list[str]:
    """Return everything that this machine lacks for `experiment`; start nothing."""
    groups = stacks_of(experiment)
    kernels = kernels_of(groups)
    around = surrounding_problems(experiment, kernels)
    missing = (problem for arms in groups for problem in stack_problems(arms, machine))
    rungs = (problem for arms in groups for problem in rung_problems(arms[0].settings))
    knobs = knob_problems(kernels, allow_global=machine.allow_global)
    services = _service_problems(experiment, machine)
    return list(dict.fromkeys([*around, *missing, *rungs, *knobs, *services, *_tool_problems(experiment)]))


def surrounding_problems(experiment: Experiment, kernels: Sequence[Kernel]) -> Iterator[str]:
    """Yield problems of the loopback interface, unless all stacks have their own, and of resources."""
    if any(not kernel.own_network for kernel in kernels) and (problem := lo_problem()):
        yield problem
    yield from room_problems(demand_of(experiment))


def check_services(experiment: Experiment) -> None:
    """Raise HarnessError unless every url answers with 2xx; its class is that of the first failure."""
    if failures := faults_of_services(experiment):
        raise type(failures[0])("\n".join(map(str, failures)))


def faults_of_services(experiment: Experiment) -> list[HarnessError]:
    """Return the error of each url that fails; the control has the url of its arm."""
    arms = [arm for arm in services_of(experiment) if arm.control_of is None]
    return [fault for arm in arms for fault in service_faults(arm)]


def outside_tool(settings: Settings) -> LoadTool | None:
    """Return the load tool of an arm; None for barehop's own client."""
    return None if settings.tool == CLIENT else plugins.load("harness.load.tools", settings.tool, LoadTool)


def run_facts(experiment: Experiment) -> dict[str, Any]:
    """Return the content of host.json: the machine, and the versions of all programs that take part."""
    all_settings = [arm.settings for arm in experiment.arms]
    of_stacks = [settings for settings in all_settings if not settings.url]
    tools = {settings.tool: tool for settings in all_settings if (tool := outside_tool(settings))}
    programs: dict[str, str | Sequence[str]] = {
        settings.nginx: (find_program(settings.nginx) or settings.nginx, "-V") for settings in of_stacks
    }
    programs |= {name: (find_program(tool.program) or tool.program, *tool.version) for name, tool in tools.items()}
    pythons = {
        settings.python: find_python(settings.python, settings.worker_class)
        for settings in of_stacks
        if settings.python
    }
    facts = host_facts(programs | pythons)
    serving = {"serving": serving_facts(experiment.arms, facts["programs"])} if of_stacks else {}
    return facts | {"pyperf": pyperf_facts(), "environment": environment_facts(server_environment())} | serving


def _reasons_to_leave_out(settings: Settings, parents: Parents) -> Iterator[str]:
    yield from rung_problems(settings)
    if not settings.url and (problem := place_problem(settings.transport, parents)):
        yield problem


def _service_problems(experiment: Experiment, machine: Machine) -> Iterator[str]:
    for arm in services_of(experiment):
        yield from service_machine_problems(arm.settings)
        try:
            place(arm.settings.placement, machine.topology, 1)
        except MachineError as problem:
            yield str(problem)


def _tool_problems(experiment: Experiment) -> Iterator[str]:
    for arm in experiment.arms:
        tool = outside_tool(arm.settings)
        if tool and find_program(tool.program) is None:
            yield f"There is no program {tool.program!r}, which tool = {arm.settings.tool!r} runs. {tool.install}"
