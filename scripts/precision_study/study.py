"""Run every method in every repetition, in random order, so that drift affects all methods alike."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.experiment.read import read_experiment
from harness.model import JsonModel
from harness.observe.host.facts import host_facts
from harness.store.store import Store
from harness.testbed.servers.programs import find_program
from scripts.precision_study.by_barehop import EXPERIMENT
from scripts.precision_study.method import Task
from scripts.precision_study.methods import METHODS
from scripts.precision_study.table import Finding, Row, markdown, rows_of

PROGRAMS = ("nginx", "ab", "hyperfine")
FILES = ("precision.md", "precision.json", "host.json")


class Design(JsonModel):
    """`seconds`: the time of one method in one repetition, including start-up."""

    methods: tuple[str, ...]
    seconds: float
    repeats: int
    seed: int

    @property
    def total_s(self) -> float:
        return self.seconds * self.repeats * len(self.methods)


class Result(JsonModel):
    """The content of precision.json, format 1."""

    format: int = 1
    design: Design
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]


def study(design: Design, directory: Path, after: Callable[[Finding], None]) -> None:
    """Write FILES to `directory` again after each finding, then call `after` with it. Raises HarnessError."""
    store = Store(directory)
    facts = host_facts({name: find_program(name) or name for name in PROGRAMS})
    store.write_json("host.json", facts)
    findings: list[Finding] = []
    for found in _findings(design, directory):
        findings.append(found)
        rows = rows_of(findings, METHODS)
        store.write_json("precision.json", Result(design=design, rows=tuple(rows), findings=tuple(findings)))
        store.write_text("precision.md", markdown(rows, _about(), _how(design)))
        after(found)


def _findings(design: Design, directory: Path) -> Iterator[Finding]:
    order = random.Random(design.seed)  # noqa: S311 - chance, not secrecy
    for repeat in range(1, design.repeats + 1):
        for name in order.sample(design.methods, len(design.methods)):
            yield _finding(name, repeat, design, directory / f"{repeat:02}-{name}")


def _finding(name: str, repeat: int, design: Design, directory: Path) -> Finding:
    experiment = read_experiment(EXPERIMENT)
    directory.mkdir()
    began = time.monotonic()
    task = Task(experiment, directory, deadline=began + design.seconds, seed=design.seed * 1000 + repeat)
    seen = METHODS[name].measure(task)
    return Finding(
        method=name,
        repeat=repeat,
        effect=seen.effect,
        control=seen.control,
        runs=seen.runs,
        own_alarm=seen.own_alarm,
        seconds=time.monotonic() - began,
    )


def _about() -> dict[str, str]:
    return {name: method.about for name, method in METHODS.items()}


def _how(design: Design) -> str:
    some = design.methods if set(design.methods) < set(METHODS) else ()
    options = [f"--seconds {design.seconds:g} --repeats {design.repeats} --seed {design.seed}"]
    command = " ".join(["scripts/precision", *options, *(f"--method {name}" for name in some)])
    return (
        f"Repetitions: {design.repeats}, each with {design.seconds:g} s for every method, in random order, on the host "
        f"of `host.json`. To measure again: `{command}`."
    )
