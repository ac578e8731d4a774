"""Measures the runs of the study one after the other with the barehop command, and reads their results."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ConfigError, LoadError
from harness.model import Record, Summary
from harness.model.validation import Validation
from harness.session.summarize import read_results
from harness.session.validate import seed_results, validate_run
from harness.start import module_command
from harness.store.store import Store
from scripts.precision_study.study import Result
from scripts.precision_study.table import Row
from scripts.study_door import ending_with_us

CHECKOUT = Path(__file__).parents[2]
PRECISION = CHECKOUT / "results" / "published" / "precision" / "precision.json"
PAGE = "seed.md"
SEED, BASELINE, LADDER, QUOTA = "seed", "baseline", "ladder", "ladder-quota"
RUNS: Mapping[str, str] = {
    SEED: "the result of the write-up's own protocol without containers",
    BASELINE: "how the transports compare",
    LADDER: "what each step from a bare process to a container adds over either transport",
    QUOTA: "how a CPU quota, as on Fargate, affects either transport",
}
NEEDED = (SEED, BASELINE)
MEASURED = (0, 1)  # 1: the result is not valid; the page says this


@dataclass(frozen=True, slots=True)
class Study:
    """`summaries`: of the runs that were made, by name; `records`: of the write-up's protocol."""

    summaries: Mapping[str, Summary]
    records: Sequence[Record]
    host: Mapping[str, Any]
    validation: Validation
    precision: Sequence[Row]


def configured() -> list[str]:
    """Return the runs whose configuration exists."""
    return [name for name in RUNS if (CHECKOUT / "configs" / f"{name}.toml").is_file()]


def measure(directory: Path, budget_s: float | None, say: Callable[[str], None]) -> None:
    """Measure the floor first, so that each run is checked against it, then all runs. Raises HarnessError."""
    say("floor: the cost of a bare exchange")
    _barehop(directory, "floor")
    budget = [f"--budget={budget_s:g}"] if budget_s else []
    for name in configured():
        say(f"{name}: {RUNS[name]}")
        _barehop(directory, "run", str(CHECKOUT / "configs" / f"{name}.toml"), *budget, f"--out={name}", "--quiet")


def read_study(directory: Path) -> Study:
    """Return the study in `directory`. Raises ConfigError if a required run is missing."""
    for name in NEEDED:
        if not (directory / name).is_dir():
            raise ConfigError(f"{directory} has no run {name} ({RUNS[name]}). Measure it again with scripts/seed.")
    made = [name for name in RUNS if (directory / name).is_dir()]
    results = {name: read_results(directory / name) for name in made}
    return Study(
        summaries={name: _plain(run.summary, name) for name, run in results.items()},
        records=results[SEED].records,
        host=results[SEED].host,
        validation=_validation(directory, directory / LADDER if LADDER in made else None),
        precision=_precision(),
    )


def publish(study: Study, directory: Path, published: Path) -> None:
    """Write the page, the host facts, and the summaries with all numbers."""
    published.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(directory / PAGE, published / PAGE)
    store = Store(published)
    store.write_json("host.json", dict(study.host))
    store.write_json("validation.json", study.validation)
    for name, summary in study.summaries.items():
        store.write_json(f"{name}.json", summary)


def _validation(directory: Path, ladder: Path | None) -> Validation:
    found = validate_run(directory / SEED, seed_results(), ladder)
    bound = found.bound.model_copy(update={"ladder": LADDER}) if found.bound and ladder else found.bound
    return found.model_copy(update={"directory": SEED, "bound": bound})


def _plain(summary: Summary, name: str) -> Summary:
    """Return `summary` without its path on this machine."""
    return summary.model_copy(update={"directory": name})


def _precision() -> Sequence[Row]:
    """Return the published rows of scripts/precision; none if there are none."""
    if not PRECISION.is_file():
        return ()
    return Result.model_validate_json(PRECISION.read_bytes()).rows


def _barehop(directory: Path, *arguments: str) -> None:
    """Run barehop in the study's directory. Raises LoadError."""
    argv = ending_with_us([sys.executable, *module_command("harness"), *arguments])
    with (directory / "log.txt").open("ab") as log:
        ended = subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if ended.returncode not in MEASURED:
        raise LoadError(f"barehop {' '.join(arguments)} ended with exit code {ended.returncode}. See {log.name}.")
