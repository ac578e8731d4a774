"""Compare the rates of load tools run by barehop and by hand: paired, with a verdict."""

import random
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from harness import plugins
from harness.analysis.contrasts.engine import RunSeries, estimate_effect, pair_terms, session_values
from harness.analysis.statistics.group_sequential import single_look_error_rate
from harness.analysis.statistics.intervals import EffectEstimate
from harness.analysis.statistics.series import Series
from harness.analysis.statistics.verdict import judge_family
from harness.console import run_command
from harness.errors import LoadError
from harness.experiment.document import parse_document
from harness.experiment.read import build_experiment
from harness.load.client import open_client
from harness.load.probe import probe_target
from harness.load.visits import WARM_UP_REQUESTS, run_tool
from harness.model import Judgement, LoadTool, Settings, Target, ToolResult
from harness.observe.host.facts import host_facts
from harness.testbed.blueprint import blueprints_of, survey_machine
from harness.testbed.kernel.lock import hold_machine
from harness.testbed.machine.placement import pin_process
from harness.testbed.servers.programs import find_program
from harness.testbed.stack.start import start_stacks

MARGIN_PERCENT = 2.0
PUBLISHED = Path(__file__).parents[1] / "results" / "published" / "tools" / "by-hand.md"
ALL = tuple(name for name in plugins.names(LoadTool) if name != "pyperf")  # pyperf chooses the number of requests
WAYS = ("barehop", "by hand")
Session = Mapping[str, Series]  # us per request over rounds, by way


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--tool", "names", type=click.Choice(ALL), multiple=True, default=ALL, help="Only this tool; repeatable.")
@click.option("--sessions", type=click.IntRange(min=2), default=8, help="Each session restarts the whole stack.")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=8,
    help="Runs of each tool per session, by barehop and by hand.",
)
@click.option("--requests", type=click.IntRange(min=1), default=500, help="Requests per run.")
@click.option("--publish", is_flag=True, help="Write the results to results/published/tools.")
def by_hand(names: tuple[str, ...], sessions: int, rounds: int, requests: int, publish: bool) -> None:
    """Run each tool through barehop and by hand, alternating against the same stack, and compare the rates."""
    tools = tuple(dict.fromkeys(names))
    found: dict[str, list[Session]] = {name: [] for name in tools}
    try:
        with hold_machine(partial(click.echo, err=True)):
            for session in range(1, sessions + 1):
                chance = random.Random(session)  # noqa: S311 - chance, not secrecy
                for name, seen in _session(tools, Settings(tool_requests=requests), rounds, chance).items():
                    found[name].append(seen)
                click.echo(f"by-hand: session {session} of {sessions}", err=True)
    finally:
        rows = _rows({name: seen for name, seen in found.items() if len(seen) > 1}, requests)
        click.echo(_table(rows))
    if publish:
        PUBLISHED.parent.mkdir(parents=True, exist_ok=True)
        PUBLISHED.write_text(_table(_published() | rows), encoding="utf-8")


def _session(tools: Sequence[str], settings: Settings, rounds: int, chance: random.Random) -> dict[str, Session]:
    """Start one stack, run every tool in both ways for `rounds` rounds, and return us per request by tool and way."""
    experiment = build_experiment(
        parse_document({"name": "by-hand", "arms": {"tcp": {}, "uds": {"transport": "uds-tmpfs"}}})
    )
    with ExitStack() as until_the_end:
        directory = Path(until_the_end.enter_context(TemporaryDirectory()))
        blueprints = blueprints_of(experiment, directory / "stack", survey_machine(directory))
        (stack,) = until_the_end.enter_context(start_stacks(blueprints, probe_target))
        until_the_end.enter_context(pin_process(stack.blueprint.placement.cpus["client"]))
        target = stack.blueprint.targets["tcp"]
        seen: dict[str, dict[str, list[float]]] = {name: {way: [] for way in WAYS} for name in tools}
        for name, way in _order(tools, rounds, chance):
            seen[name][way].append(_us_per_request(_run(name, way, target, settings, directory / "runs")))
        stack.check_workers()
    return {name: {way: np.array(us) for way, us in ways.items()} for name, ways in seen.items()}


def _order(tools: Sequence[str], rounds: int, chance: random.Random) -> Iterator[tuple[str, str]]:
    for _ in range(rounds):
        for name in chance.sample(list(tools), len(tools)):
            yield from ((name, way) for way in chance.sample(WAYS, len(WAYS)))


def _run(name: str, way: str, target: Target, settings: Settings, directory: Path) -> ToolResult:
    """Run a tool once, right after a few warm-up requests that remove the effects of the previous tool."""
    tool = plugins.load(LoadTool, name)
    program = find_program(tool.program)
    if program is None:
        raise LoadError(f"There is no program {tool.program!r}. {tool.install}")
    with open_client(target) as burst:
        warm_up = partial(burst, WARM_UP_REQUESTS, 0)
        if way == WAYS[0]:
            return run_tool(tool, program, target, settings, directory, warm_up)
        return _by_hand(tool, program, target, settings, directory, warm_up)


def _by_hand(  # noqa: PLR0913 - as visit_outside
    tool: LoadTool,
    program: str,
    target: Target,
    settings: Settings,
    directory: Path,
    warm_up: Callable[[], object],
) -> ToolResult:
    """Run the tool's command line as a shell would, and return what it measured."""
    directory.mkdir(exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    for name, text in tool.files(target, settings).items():
        (directory / name).write_text(text, encoding="utf-8")
    argv = tool.command(program, target, settings, directory)
    with (directory / "stdout.txt").open("wb") as out, (directory / "stderr.txt").open("wb") as err:
        warm_up()
        subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=True)
    return tool.read_result(directory)


def _us_per_request(outcome: ToolResult) -> float:
    """Return the time per request in microseconds: the tool's own duration divided by its requests."""
    return 1e6 * outcome.duration_s / outcome.requests


def _rows(found: Mapping[str, Sequence[Session]], requests: int) -> dict[str, str]:
    """Return one line of the table per tool."""
    judgements = judge_family(
        [_estimate(sessions) for sessions in found.values()],
        MARGIN_PERCENT,
        single_look_error_rate,
        excuses=[""] * len(found),
        alone=[False] * len(found),
    )
    return {
        name: _row(name, sessions, requests, judgement)
        for (name, sessions), judgement in zip(found.items(), judgements, strict=True)
    }


def _estimate(sessions: Sequence[Session]) -> EffectEstimate | None:
    series = RunSeries([], {"latency": dict(enumerate(sessions))})
    return estimate_effect(session_values(series, pair_terms(WAYS, "latency")))


def _row(name: str, sessions: Sequence[Session], requests: int, effect: Judgement) -> str:
    runs = f"{len(sessions)} x {len(sessions[0][WAYS[0]])} x {requests}"
    numbers = f"{effect.percent_low:+.2f} to {effect.percent_high:+.2f}"
    return f"| {name} | {runs} | {effect.percent:+.2f} % | {numbers} | {effect.verdict} |"


def _table(rows: Mapping[str, str]) -> str:
    kernel = host_facts({})["kernel"]
    equivalent = sum(row.endswith(" equivalent |") for row in rows.values())
    return "\n".join(
        [
            "# Load tools run by barehop and by hand",
            "",
            f"**Run by barehop or by hand, {equivalent} of {len(rows)} tools give equivalent numbers.**",
            "",
            "Time per request from the rate that the tool reports. Both ways alternate in each round on one stack,",
            f"which is restarted for each session. Equivalent means within {MARGIN_PERCENT:g} %.",
            f"Linux {kernel['release']}, {kernel['machine']}.",
            "",
            "| tool | sessions x rounds x requests | barehop relative to by hand | 95 % interval | verdict |",
            "| --- | ---: | ---: | --- | --- |",
            *(rows[name] for name in sorted(rows)),
            "",
        ]
    )


def _published() -> dict[str, str]:
    """Return the published lines, by tool."""
    text = PUBLISHED.read_text(encoding="utf-8") if PUBLISHED.exists() else ""
    named = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    return {name: line for name, line in named.items() if name in ALL}


if __name__ == "__main__":
    run_command(
        by_hand, "scripts/by-hand", "Interrupted. The table has the finished sessions; nothing is left running."
    )
