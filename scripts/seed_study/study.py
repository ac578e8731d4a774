"""The runs of the study: made one after the other by the command itself, and read back from their directories."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.conclude import read_summary
from harness.errors import ConfigError, LoadError
from harness.evidence.store import Store, open_store
from harness.model import Record, Summary
from harness.model.validation import Validation
from harness.start import module_command
from harness.validate import of_the_seed, validated
from scripts.precision_study.study import Result
from scripts.precision_study.table import Row
from scripts.study_door import ending_with_us

CHECKOUT = Path(__file__).parents[2]
PRECISION = CHECKOUT / "results" / "published" / "precision" / "precision.json"
PAGE = "seed.md"
SEED, BASELINE, LADDER, QUOTA = "seed", "baseline", "ladder", "ladder-quota"
RUNS: Mapping[str, str] = {
    SEED: "what the write-up's own protocol gives without containers",
    BASELINE: "how the transports compare",
    LADDER: "what each step from a bare process to a container adds over either transport",
    QUOTA: "what a share of a CPU, as Fargate gives it, does to either transport",
}
NEEDED = (SEED, BASELINE)
MEASURED = (0, 1)  # 1: the result is not valid, which the page says


@dataclass(frozen=True, slots=True)
class Study:
    """`summaries` by run, of those that were made; `records` are those of the seed's protocol."""

    summaries: Mapping[str, Summary]
    records: Sequence[Record]
    host: Mapping[str, Any]
    validation: Validation
    precision: Sequence[Row]


def configured() -> list[str]:
    """The runs whose configuration is there."""
    return [name for name in RUNS if (CHECKOUT / "configs" / f"{name}.toml").is_file()]


def measure(directory: Path, budget_s: float | None, say: Callable[[str], None]) -> None:
    """The floor first, so that each run is held against it. Raises HarnessError."""
    say("floor: what a bare exchange costs")
    _barehop(directory, "floor")
    budget = [f"--budget={budget_s:g}"] if budget_s else []
    for name in configured():
        say(f"{name}: {RUNS[name]}")
        _barehop(directory, "run", str(CHECKOUT / "configs" / f"{name}.toml"), *budget, f"--out={name}", "--quiet")


def read_study(directory: Path) -> Study:
    """Raises ConfigError where a run that no answer can do without is missing."""
    for name in NEEDED:
        if not (directory / name).is_dir():
            raise ConfigError(f"{directory} has no run {name}: {RUNS[name]}. Measure it again with scripts/seed.")
    made = [name for name in RUNS if (directory / name).is_dir()]
    store = open_store(directory / SEED)
    return Study(
        summaries={name: _plain(read_summary(directory / name)[0], name) for name in made},
        records=[store.read_record(number) for number in store.sessions()],
        host=store.read_host(),
        validation=_validation(directory, directory / LADDER if LADDER in made else None),
        precision=_precision(),
    )


def publish(study: Study, directory: Path, published: Path) -> None:
    """The page, the host's facts, and what each number was taken from."""
    published.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(directory / PAGE, published / PAGE)
    store = Store(published)
    store.write_json("host.json", dict(study.host))
    store.write_json("validation.json", study.validation)
    for name, summary in study.summaries.items():
        store.write_json(f"{name}.json", summary)


def _validation(directory: Path, ladder: Path | None) -> Validation:
    found = validated(directory / SEED, of_the_seed(), ladder)
    bound = found.bound.model_copy(update={"ladder": LADDER}) if found.bound and ladder else found.bound
    return found.model_copy(update={"directory": SEED, "bound": bound})


def _plain(summary: Summary, name: str) -> Summary:
    """Without where it lay on this machine."""
    return summary.model_copy(update={"directory": name})


def _precision() -> Sequence[Row]:
    """Nothing where scripts/precision was never published."""
    if not PRECISION.is_file():
        return ()
    return Result.model_validate_json(PRECISION.read_bytes()).rows


def _barehop(directory: Path, *arguments: str) -> None:
    """With the study's directory as its own, where it leaves and looks for everything."""
    argv = ending_with_us([sys.executable, *module_command("harness"), *arguments])
    with (directory / "log.txt").open("ab") as log:
        ended = subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if ended.returncode not in MEASURED:
        raise LoadError(f"barehop {' '.join(arguments)} ended with exit code {ended.returncode}; see {log.name}.")
