"""Measures the runs of the study with the barehop command, and continues where an interrupted study ended.

In the study's directory: design.json, trial.json, NN.json for each finished run, and the results directories in runs/.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from harness.errors import ConfigError
from harness.model import JsonModel
from harness.session.summarize import RunResults, read_results
from harness.store.files import read_model
from harness.store.store import Store
from scripts.precision_study.by_barehop import MEASURED
from scripts.precision_study.headline.design import EQUAL, Design, Trial, burn_us
from scripts.precision_study.headline.finding import ARM, Finding, finding_of, request_us
from scripts.precision_study.headline.page import Result, csv_text, markdown, result_of
from scripts.precision_study.headline.tally import tally_of
from scripts.precision_study.stand import call, python_module

EXPERIMENT = Path(__file__).with_name("experiment.toml")
DESIGN, TRIAL, RUNS, LOG = "design.json", "trial.json", "runs", "barehop.log"
FILES = ("headline.md", "headline.json", "headline.csv")
NO_WORK_US = 0.0

Model = TypeVar("Model", bound=JsonModel)


def read_design(directory: Path) -> Design:
    """Return the design of the study in `directory`. Raises ConfigError."""
    if not (directory / DESIGN).is_file():
        raise ConfigError(
            f"{directory} holds no study of the headline: it has no {DESIGN}. Start one without --resume."
        )
    return read_model(directory / DESIGN, model=Design)


def measure(design: Design, directory: Path, say: Callable[[str], object]) -> Result:
    """Measure what is missing in `directory`, write FILES there, and return the result. Raises HarnessError."""
    store = Store(directory)
    store.write_json(DESIGN, design)
    trial = _kept(store, TRIAL, Trial) or _measure_trial(design, store, say)
    request_before_us = trial.request_us
    findings: list[Finding] = []
    for number, kind in enumerate(design.order, start=1):
        finding = _kept(store, f"{number:02}.json", Finding)
        if finding is None:
            finding = _measure_run(number, burn_us(kind, request_before_us), design, store)
            say(f"run {number} of {len(design.order)}, {_line(finding)}")
        findings.append(finding)
        request_before_us = finding.request_us
    host = read_results(_run_directory(store, 1)).host
    result = result_of(design, trial, findings, tally_of(findings), host)
    for name, text in zip(FILES, (markdown(result), None, csv_text(findings)), strict=True):
        if text is None:
            store.write_json(name, result)
        else:
            store.write_text(name, text)
    return result


def _kept(store: Store, name: str, model: type[Model]) -> Model | None:
    """Return what an earlier start of the study has written; None if it had not come so far."""
    path = store.directory / name
    return read_model(path, model=model) if path.is_file() else None


def _measure_trial(design: Design, store: Store, say: Callable[[str], object]) -> Trial:
    say("a trial measures the time of a request")
    trial = Trial(request_us=request_us(_run(0, NO_WORK_US, design.trial_s, design, store).records))
    store.write_json(TRIAL, trial)
    say(f"a request takes {trial.request_us:.0f} us")
    return trial


def _measure_run(number: int, extra_us: float, design: Design, store: Store) -> Finding:
    began_s = time.monotonic()
    results = _run(number, extra_us, design.budget_s, design, store)
    finding = finding_of(number, extra_us, results, time.monotonic() - began_s)
    store.write_json(f"{number:02}.json", finding)
    return finding


def _run(number: int, extra_us: float, budget_s: float, design: Design, store: Store) -> RunResults:
    """Run barehop in a new results directory, and return its results. Raises HarnessError."""
    out = _run_directory(store, number)
    shutil.rmtree(out, ignore_errors=True)  # of an interrupted run
    out.parent.mkdir(exist_ok=True)
    own = [f"arms.{ARM}.path=/spike/{extra_us:g}", f"design.seed={design.run_seed(number)}"]
    words = [f"--set={text}" for text in (*own, *design.overrides)]
    argv = [*python_module("harness"), "run", str(EXPERIMENT), f"--budget={budget_s:g}", *words, f"--out={out}"]
    call([*argv, "--quiet"], store.directory / LOG, MEASURED)
    return read_results(out)


def _run_directory(store: Store, number: int) -> Path:
    return store.directory / RUNS / f"{number:02}"


def _line(finding: Finding) -> str:
    kind = "equal arms" if finding.kind == EQUAL else f"{finding.burn_us:g} us more work"
    difference = "no interval"
    if finding.percent is not None and finding.half_width_percent is not None:
        difference = f"{finding.percent:+.2f} % +- {finding.half_width_percent:.2f}"
    return f"{kind}: {difference}, {finding.verdict or 'no verdict'}, {finding.seconds:.0f} s"
