"""Validate results made elsewhere against the bare arms of a results directory."""

from collections.abc import Sequence
from pathlib import Path

from harness.analysis.validation.bare_run import BareRun, service_arms
from harness.analysis.validation.validate import validate
from harness.errors import ConfigError
from harness.imports.read import transport_of
from harness.model import Summary
from harness.model.tools import ImportedRun
from harness.model.validation import Validation
from harness.report.sections import imported
from harness.session.summarize import read_results
from harness.store.history import last_floor

RESULTS = Path("results")


def validate_run(directory: Path, foreign: Sequence[ImportedRun] | None, ladder: Path | None) -> Validation:
    """Compare `foreign` and the services of the run in `directory` with its bare arms. Raises ConfigError.

    If `foreign` is None, compare only the services, or the write-up's table if the run has no services.
    """
    results = read_results(directory)
    if foreign is None:
        foreign = () if service_arms(results.summary) else seed_results()
    bare = BareRun(
        experiment=results.plan.experiment,
        summary=results.summary,
        records=results.records,
        floor=results.floor or last_floor(RESULTS, results.host),
        ladder=_read_ladder(ladder) if ladder else None,
    )
    return validate(bare, foreign)


def seed_results() -> tuple[ImportedRun, ...]:
    """Return the write-up's table: each cell is a run of `ab -n 1000 -c 1`, with means in thousandths of a ms."""
    return tuple(
        ImportedRun(
            source=Path(imported.SEED_TABLE),
            format="csv",
            where=cell.where,
            architecture=cell.architecture,
            transport=transport_of(cell.architecture),
            requests=imported.SEED_REQUESTS,
            connections=1,
            requests_per_s=cell.requests_per_s,
            mean_us=None if cell.ms_per_request is None else 1000 * cell.ms_per_request,
            mean_resolution_us=1.0,
            percentiles_us={} if cell.p99_ms is None else {99.0: 1000 * cell.p99_ms},
            resolution_us=1000.0,
        )
        for cell in imported.published_cells()
    )


def _read_ladder(directory: Path) -> Summary:
    summary = read_results(directory).summary
    if not any({"network", "sandbox"} & arm.settings.keys() for arm in summary.arms.values()):
        raise ConfigError(f"{directory} is not a ladder run: no arm has a rung. Run ladder, or leave out --ladder.")
    return summary
