"""Holds the stacks of an experiment for a client on another machine, until it is told to end.

While no client is there, the stacks of one session are up, for arms with a url. A client gets new servers for each of
its sessions; between its questions this process sleeps.
"""

import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import harness
from harness.console import invocation, machine_error
from harness.errors import ConfigError, HarnessError, raise_if_any
from harness.experiment.arms import stacks_of
from harness.experiment.constraints import sentences_on_arms
from harness.model import CounterSnapshot, Doubt, Experiment, JsonModel, Settings
from harness.model.record import HostFacts
from harness.observe.counters import ThrottlingCounts, uncounted_by, watch_throttling
from harness.observe.doubts.context import context_of
from harness.observe.doubts.watch import start_watch
from harness.observe.hop_speech import multipath_networks, watch_connections
from harness.observe.proof import prove
from harness.remote.channel import Channel, LinkError
from harness.remote.link import TOKEN_VARIABLE
from harness.remote.listener import accept_client, open_listener, requests_of
from harness.remote.messages import (
    Counts,
    Description,
    Done,
    Failure,
    Gaps,
    RemoteRequest,
    ServedArm,
    ServedSession,
    ServerDoubts,
)
from harness.report.commands.serve import url_arms
from harness.session.preflight import check_machine, run_facts, without_unavailable_arms
from harness.session.session import (
    Arrangement,
    ServerReaders,
    open_readers,
    reaped_faults,
    require_same_servers,
    start_servers,
)
from harness.session.targets import ResolvedTarget, resolve_targets
from harness.store.store import Store, create_results_directory
from harness.testbed.blueprint import survey_machine
from harness.testbed.kernel.knob_settings import kernel_configurations_of
from harness.testbed.machine.placement import pin_process
from harness.testbed.machine.resources import raise_file_limit
from harness.testbed.processes.output import make_log_trimmer
from harness.testbed.stack.stack import Stack

STANDING_SESSION = 1  # its layout is that of the first session
SPARE_START_S = 60.0
TOKEN_BYTES = 18
REMOTE_DOUBT = "On the serving machine: "


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The options of `barehop serve` for the file with the content `document`; `tell` prints on standard output."""

    document: bytes
    overrides: Sequence[str]
    address: str
    port: int
    results: Path
    out: Path | None
    tell: Callable[[str], object]
    say: Callable[[str], object]


def serve_experiment(experiment: Experiment, options: ServeOptions) -> NoReturn:
    """Serve `experiment` until this process is told to end. Raises HarnessError, or what ends it."""
    raise_if_any(distance_problems(experiment), ConfigError)
    machine = replace(survey_machine(options.out or options.results), front_host=options.address)
    experiment = without_unavailable_arms(experiment, machine.parents)
    for sentence in sentences_on_arms(experiment.left_out.items()):
        options.say(f"Left out: {sentence}")
    check_machine(experiment, machine)
    with open_listener(options.address, options.port) as listener:
        store = Store(create_results_directory(options.results, f"{experiment.name}-serve", options.out))
        host = run_facts(experiment)
        store.write_bytes("experiment.toml", options.document)
        store.write_json("host.json", host)
        desk = ServingDesk(
            Arrangement(experiment, store, machine), options, host, listener, secrets.token_hex(TOKEN_BYTES)
        )
        desk.explain()
        with raise_file_limit():
            while True:
                desk.serve_client(*desk.hold_stacks())


def distance_problems(experiment: Experiment) -> Iterator[str]:
    """Yield why an arm cannot be served to another machine."""
    groups = stacks_of(experiment)
    for arms, kernel in zip(groups, kernel_configurations_of(groups), strict=True):
        if kernel.own_network or kernel.of_scopes("global"):
            names = ", ".join(sorted(arms[0].settings.knobs)) or "of other arms"
            yield f"Arm {arms[0].name!r}: the knobs ({names}) change a network or the machine. Run it on one host."
    for arm in experiment.arms:
        if reason := _distance_problem(arm.settings):
            yield f"Arm {arm.name!r} {reason}"


def _distance_problem(settings: Settings) -> str:
    if settings.url:
        return "has a url already: leave it out here, and name it in the file of the client."
    if settings.chain in ("app-direct", "floor"):
        return f'has chain = "{settings.chain}": its client connects to the hop, which never leaves this machine.'
    if settings.network_leg == "front" and settings.network != "host":
        return 'has network_leg = "front": that rung is the way of a client on this machine.'
    return ""


@dataclass(frozen=True, slots=True)
class ServingDesk:
    """What the serving machine offers, and where it listens for clients."""

    arrangement: Arrangement
    options: ServeOptions
    host: HostFacts
    listener: socket.socket
    token: str

    def explain(self) -> None:
        """Print how a client reaches this machine."""
        host, port = self.listener.getsockname()[:2]
        self.options.tell(f"{TOKEN_VARIABLE}={self.token} {invocation()} run --from {host}:{port}")

    def hold_stacks(self) -> tuple[Channel, RemoteRequest]:
        """Hold the stacks of one session, print their urls, and return the next client with its first request."""
        with self.arrangement.ending, ExitStack() as exit_stack:
            stacks, _ = start_servers(STANDING_SESSION, self.arrangement, exit_stack)
            prove(stacks)
            targets = {name: target for stack in stacks for name, target in stack.blueprint.targets.items()}
            self.options.tell(url_arms(self.arrangement.experiment, targets))

            def check() -> None:
                for stack in stacks:
                    stack.check_servers()

            return accept_client(self.listener, self.token, self.options.say, check)

    def serve_client(self, channel: Channel, hello: RemoteRequest) -> None:
        """Answer a client until it leaves, is lost, or a session fails."""
        self.options.say(f"Serving {channel.peer}: its sessions get new servers, and the urls above end.")
        with closing(channel), self.arrangement.ending:
            try:
                channel.send(self._describe() if hello.do == "hello" else Failure(error="Say hello.", exit_code=5))
                requests = requests_of(channel, self.listener)
                for request in requests:
                    self._serve_session(request, requests, channel)
            except LinkError as lost:
                self.options.say(f"{lost} Nothing of its session is left; waiting for a client.")
            except (HarnessError, OSError) as error:
                problem = machine_error(error) if isinstance(error, OSError) else error
                self.options.say(f"A session of {channel.peer} failed: {problem}")
                with suppress(LinkError):
                    channel.send(Failure(error=str(problem), exit_code=problem.exit_code))

    def _describe(self) -> Description:
        experiment = self.arrangement.experiment
        limit_s = sum(arms[0].settings.start_timeout_s for arms in stacks_of(experiment)) + SPARE_START_S
        return Description(
            version=harness.__version__,
            document=self.options.document.decode(),
            overrides=tuple(self.options.overrides),
            experiment=experiment,
            host=dict(self.host),
            start_limit_s=limit_s,
        )

    def _serve_session(self, start: RemoteRequest, requests: Iterator[RemoteRequest], channel: Channel) -> None:
        """Start the servers of a session, and answer the requests about it until `end`."""
        if start.do != "start":
            raise ConfigError(f"A client asked for {start.do!r} outside a session.")
        with ExitStack() as exit_stack:
            stacks, _ = start_servers(start.session, self.arrangement, exit_stack)
            targets = resolve_targets(self.arrangement.experiment, stacks, self.arrangement.machine)
            exit_stack.enter_context(pin_process(next(iter(targets.values())).client_cpus))
            serving = ServingSession(self.arrangement.experiment, self.host, stacks, targets, exit_stack)
            with require_same_servers(stacks):
                channel.send(serving.describe())
                for request in requests:
                    if request.do == "end":
                        break
                    channel.send(serving.answer(request))
        channel.send(Done())


@dataclass(slots=True)
class ServingSession:
    """The servers of one session, and the readings of them so far."""

    experiment: Experiment
    host: HostFacts
    stacks: Sequence[Stack]
    targets: dict[str, ResolvedTarget]
    exit_stack: ExitStack
    cold_faults: Sequence[dict[str, int]] = ()
    readers: ServerReaders | None = None
    snapshots: dict[str, CounterSnapshot] = field(default_factory=dict)  # by arm, before its present visit
    end_watch: Callable[[int], tuple[Doubt, ...]] = lambda _: ()
    end_throttling: Callable[[], ThrottlingCounts] = dict
    count_connections: Callable[[], Mapping[str, int]] = dict
    trim_logs: Callable[[], None] = lambda: None

    def describe(self) -> ServedSession:
        """Return the addresses and the proofs of the arms."""
        proofs = prove(self.stacks)
        self.cold_faults = reaped_faults(self.stacks)
        arms = {}
        for name, served in self.targets.items():
            target = served.target
            authority = target.ca_file.read_text(encoding="ascii") if target.ca_file else ""
            arms[name] = ServedArm(host=target.host, port=target.port, authority=authority, proof=proofs[name])
        return ServedSession(arms=arms)

    def answer(self, request: RemoteRequest) -> JsonModel:
        """Return the answer to a request within the session. Raises ConfigError for one that has no place there."""
        if request.do == "ready":
            self.readers = open_readers(self.stacks, self.targets, self.cold_faults, self.exit_stack, has_client=False)
            return Gaps(unseen=uncounted_by(self.readers.counters))
        if self.readers and request.do == "watch":
            return self._watch(self.readers)
        if self.readers and request.do == "read" and self._is_readable(request):
            return Counts(counts=self._read(request, self.readers))
        if request.do == "unwatch":
            throttled, doubts = self.end_throttling(), self.end_watch(request.requests)
            marked = tuple(doubt.model_copy(update={"seen": f"{REMOTE_DOUBT}{doubt.seen}"}) for doubt in doubts)
            return ServerDoubts(doubts=marked, throttled=throttled, connections=self.count_connections())
        raise ConfigError(f"A client asked for {request.do!r} of {request.arm!r} out of turn.")

    def _watch(self, readers: ServerReaders) -> Done:
        context = context_of(self.stacks, self.experiment, self.host, readers.families)
        self.end_watch, self.end_throttling = start_watch(context), watch_throttling(self.stacks)
        self.count_connections = watch_connections(multipath_networks(self.stacks))
        self.trim_logs = make_log_trimmer([log.path for log in context.logs])
        return Done()

    def _is_readable(self, request: RemoteRequest) -> bool:
        return request.arm in (self.snapshots if request.moment == "after" else self.targets)

    def _read(self, request: RemoteRequest, readers: ServerReaders) -> dict[str, int]:
        """Read CPU time, or counters before or after a visit; return the growth of those after it."""
        if request.moment == "cpu":
            return {role: ns for role, ns in readers.cpu[request.arm]().items() if role != "client"}
        reader = readers.counters[request.arm]
        if request.moment == "before":
            self.trim_logs()
            self.snapshots[request.arm] = reader.read_before()
            return {}
        after = reader.read_after()
        return reader.growth(self.snapshots.pop(request.arm), after)
