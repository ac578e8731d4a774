"""What an experiment needs of this machine, and the facts of the machine that are kept with its results."""

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
    """Raises MachineError with every problem."""
    raise_all(machine_problems(experiment, machine), MachineError)


def available(experiment: Experiment, parents: Parents) -> Experiment:
    """The experiment without the arms whose rungs or transports have no place here, if the rest can be compared.

    Otherwise, and where the arms are the runs of a screen, it is the same, and `check_machine` will say why it cannot.
    """
    found = {arm.name: " ".join(_reasons_to_leave_out(arm.settings, parents)) for arm in experiment.arms}
    reasons = {arm: reason for arm, reason in found.items() if reason}
    rest = without(experiment, reasons) if reasons and not experiment.levels else experiment
    return rest if len(rest.arms) > (2 if rest.design.control else 1) and rest.pairs else experiment


def machine_problems(experiment: Experiment, machine: Machine) -> list[str]:
    """Everything that this machine lacks for `experiment`, each once; nothing is started."""
    groups = stacks_of(experiment)
    kernels = kernels_of(groups)
    around = surrounding_problems(experiment, kernels)
    missing = (problem for arms in groups for problem in stack_problems(arms, machine))
    rungs = (problem for arms in groups for problem in rung_problems(arms[0].settings))
    turning = knob_problems(kernels, allow_global=machine.allow_global)
    services = _service_problems(experiment, machine)
    return list(dict.fromkeys([*around, *missing, *rungs, *turning, *services, *_tool_problems(experiment)]))


def surrounding_problems(experiment: Experiment, kernels: Sequence[Kernel]) -> Iterator[str]:
    """What is wrong with the machine around the stacks; a stack in a network of its own has a lo of its own."""
    if any(not kernel.own_network for kernel in kernels) and (problem := lo_problem()):
        yield problem
    yield from room_problems(demand_of(experiment))


def check_services(experiment: Experiment) -> None:
    """Every url answers, and nothing but 2xx. Raises a HarnessError of the first that does not, with all of them."""
    if found := faults_of_services(experiment):
        raise type(found[0])("\n".join(map(str, found)))


def faults_of_services(experiment: Experiment) -> list[HarnessError]:
    """One for each url that does not answer as it must; a control is its arm a second time."""
    arms = [arm for arm in services_of(experiment) if arm.control_of is None]
    return [fault for arm in arms for fault in service_faults(arm)]


def outside_tool(settings: Settings) -> LoadTool | None:
    """The load tool of an arm; None for our own client."""
    return None if settings.tool == CLIENT else plugins.load("harness.load.tools", settings.tool, LoadTool)


def run_facts(experiment: Experiment) -> dict[str, Any]:
    """host.json: the machine, and the versions of every program that takes part."""
    settings = [arm.settings for arm in experiment.arms]
    ours = [each for each in settings if not each.url]
    tools = {each.tool: tool for each in settings if (tool := outside_tool(each))}
    programs: dict[str, str | Sequence[str]] = {
        each.nginx: (find_program(each.nginx) or each.nginx, "-V") for each in ours
    }
    programs |= {name: (find_program(tool.program) or tool.program, *tool.version) for name, tool in tools.items()}
    pythons = {each.python: find_python(each.python, each.worker_class) for each in ours if each.python}
    facts = host_facts(programs | pythons)
    served = {"serving": serving_facts(experiment.arms, facts["programs"])} if ours else {}
    return facts | {"pyperf": pyperf_facts(), "environment": environment_facts(server_environment())} | served


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
