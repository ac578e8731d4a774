"""Finds what serves each arm, and checks that its answers stay the same during a session and between sessions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.statistics.series import SessionData
from harness.errors import StackError, raise_if_any
from harness.experiment.constraints import OWN_CLIENT
from harness.load.probe import probe_service, probe_target
from harness.load.visits import CpuReader
from harness.model import SERVICE_ROLE, Arm, Doubt, Experiment, Plan, Reply, Target
from harness.model.http import AnswerShape, answer_shape, format_keys
from harness.model.record import ArmProof
from harness.observe.cpu_time import cpu_reader, service_cpu_reader, service_pids
from harness.observe.doubts.kinds import doubt
from harness.observe.proof import answer_proof
from harness.testbed.blueprint import Machine
from harness.testbed.kernel.knob_settings import UNCHANGED_KERNEL, KernelConfiguration
from harness.testbed.machine.placement import CpuSet, placement_of
from harness.testbed.network.namespace import HOST_NETWORK, NetworkNamespace
from harness.testbed.stack.stack import Stack

LENGTH_TOLERANCE = 0.1  # of answers other than JSON objects: dates and counters change some bytes
TOOL_ARM_PROBES = 3  # our client checks its answers itself


@dataclass(frozen=True, slots=True)
class ResolvedTarget:
    """The target of an arm, the reply that proved it ready, and its processes."""

    arm: Arm
    target: Target
    reply: Reply
    client_cpus: CpuSet
    cpu: CpuReader
    pids: Mapping[str, tuple[int, ...]]  # the processes whose counters may be read, by role
    kernel: KernelConfiguration = UNCHANGED_KERNEL
    network: NetworkNamespace = HOST_NETWORK  # the client's
    networks: tuple[NetworkNamespace, ...] = ()  # all that a request crosses, if there is more than one

    @property
    def service_proof(self) -> ArmProof:
        """Return the proof of a service: its address, its answer, and the pids that the experiment names."""
        proof, settings = answer_proof(self.reply), self.arm.settings
        proof["url"], proof["address"] = settings.url, self.target.address
        proof["pids"] = {SERVICE_ROLE: sorted(service_pids(settings))}
        return proof


def resolve_targets(experiment: Experiment, stacks: Sequence[Stack], machine: Machine) -> dict[str, ResolvedTarget]:
    """Return the target of each arm, by name. Raises LoadError or ConfigError if a service does not answer."""
    of_stacks = {arm.name: stack for stack in stacks for arm in stack.blueprint.arms}
    return {
        arm.name: _stack_target(arm, of_stacks[arm.name])
        if arm.name in of_stacks
        else _service_target(arm, stacks, machine)
        for arm in experiment.arms
    }


def _stack_target(arm: Arm, stack: Stack) -> ResolvedTarget:
    pids = stack.pids_of(arm.name)
    return ResolvedTarget(
        arm=arm,
        target=stack.blueprint.targets[arm.name],
        reply=stack.replies[arm.name],
        client_cpus=stack.blueprint.placement.cpus["client"],
        cpu=cpu_reader(pids),
        pids=pids,
        kernel=stack.blueprint.kernel,
        network=stack.network.of("client"),
        networks=stack.network.all_networks if stack.network.places else (),
    )


def _service_target(arm: Arm, stacks: Sequence[Stack], machine: Machine) -> ResolvedTarget:
    """Return the target of a service. Its client has the CPUs of a stack with the same placement, if there is one."""
    target, reply = probe_service(arm)
    wanted = arm.settings.placement
    placements = {stack.blueprint.arms[0].settings.placement: stack.blueprint.placement for stack in reversed(stacks)}
    placement = placements.get(wanted) or placement_of(wanted, machine.topology, 1)
    return ResolvedTarget(arm, target, reply, placement.cpus["client"], service_cpu_reader(arm), pids={})


def answer_mismatches(pairs: Sequence[tuple[str, str]], replies: Mapping[str, Reply]) -> Iterator[str]:
    """Yield a sentence for each pair whose answers are not of the same kind."""
    for arm, reference in pairs:
        first, second = replies[arm].shape, replies[reference].shape
        if not _is_alike(first, second):
            yield (
                f"{arm!r} answers {_describe(first)} and {reference!r} {_describe(second)}: compared arms must answer "
                "alike. Correct the url or the command, or the path of the other."
            )


def _is_alike(first: AnswerShape, second: AnswerShape) -> bool:
    same_kind = (first.kind, first.keys) == (second.kind, second.keys)
    shorter, longer = sorted((first.body_bytes, second.body_bytes))
    return same_kind and (bool(first.keys) or longer - shorter <= LENGTH_TOLERANCE * longer)


def _describe(answer: AnswerShape) -> str:
    keys = f" with {format_keys(answer.keys)}" if answer.keys else ""
    return f"{answer.body_bytes} bytes of {answer.kind or 'no content type'}{keys}"


def first_answers(plan: Plan, sessions: Sequence[SessionData]) -> dict[str, AnswerShape]:
    """Return the answer of each arm at the start of the run: of its pilot, otherwise of the first of `sessions`."""
    recorded = sessions[0].record.proofs if sessions else {}
    proofs = recorded | (plan.pilot.answers if plan.pilot else {})
    return {arm: shape for arm, proof in proofs.items() if (shape := answer_shape(proof))}


def check_first_answers(first: Mapping[str, AnswerShape], targets: Mapping[str, ResolvedTarget]) -> None:
    """Raise StackError unless every arm answers as it did when the run began: `first`, by arm."""
    changes = {arm: first[arm].difference(served.reply.shape) for arm, served in targets.items() if arm in first}
    problems = (
        f"Arm {arm!r} does not answer as it did when the run began: {change}. All answers of a run must be alike: "
        "restore the application and continue with --resume, or start a new run."
        for arm, change in changes.items()
        if change
    )
    raise_if_any(problems, StackError)


def check_last_answers(targets: Mapping[str, ResolvedTarget]) -> None:
    """Probe every arm again, and raise StackError if an answer has changed."""
    problems = (
        f"The answer of arm {arm!r} at the end differs from that at the beginning: {change}. One run measures one "
        "answer: find out why the application changes it, and start again."
        for arm, change in find_answer_changes(targets).items()
    )
    raise_if_any(problems, StackError)


def find_answer_changes(targets: Mapping[str, ResolvedTarget]) -> dict[str, str]:
    """Probe every arm again; return, by arm, how its answer differs from the proved one."""
    changes = {arm: _answer_change(served) for arm, served in targets.items()}
    return {arm: change for arm, change in changes.items() if change}


def _answer_change(served: ResolvedTarget) -> str:
    change, probes = "", 1 if served.arm.settings.tool == OWN_CLIENT else TOOL_ARM_PROBES
    while probes and not change:
        probes -= 1
        try:
            with served.network.enter():
                reply = probe_target(served.target, served.target.path)
        except StackError:
            return "an answer that cannot be read"
        change = served.reply.shape.difference(reply.shape) if isinstance(reply, Reply) else reply
    return change


def answer_doubts(changes: Mapping[str, str]) -> Iterator[Doubt]:
    """Yield a doubt for each arm with an answer that changed during a session."""
    for arm, change in changes.items():
        yield doubt("answers", f"Its answer after the visits differs from that before them: {change}.", arm)
