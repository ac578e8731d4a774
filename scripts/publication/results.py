"""The published results that README shows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.experiment.read import read_experiment
from harness.model import Design, Summary
from harness.model.validation import Validation
from scripts.precision_study.headline.page import Result as Headline
from scripts.precision_study.study import Result as Precision
from scripts.publication.index import read_index
from scripts.publication.pages import CHECKOUT, PUBLISHED

SEED_PAGE, PROFILE_PAGE = "seed/seed.md", "profile/profile.md"


@dataclass(frozen=True, slots=True)
class Results:
    """`design`: of the baseline; `host`: of the study of the write-up, which has the baseline and the ladder."""

    baseline: Summary
    design: Design
    ladder: Summary
    validation: Validation
    host: Mapping[str, Any]
    precision: Precision
    headline: Headline
    date: str  # of the study
    code: str  # in which the difference of the baseline is made


def read_published() -> Results:
    """Return what is published."""
    seed, precision = PUBLISHED / "seed", PUBLISHED / "precision"
    entries = {entry.page: entry for entry in read_index().entries}
    return Results(
        baseline=Summary.model_validate_json((seed / "baseline.json").read_bytes()),
        design=read_experiment(CHECKOUT / "configs" / "baseline.toml").design,
        ladder=Summary.model_validate_json((seed / "ladder.json").read_bytes()),
        validation=Validation.model_validate_json((seed / "validation.json").read_bytes()),
        host=json.loads((seed / "host.json").read_bytes()),
        precision=Precision.model_validate_json((precision / "precision.json").read_bytes()),
        headline=Headline.model_validate_json((precision / "headline.json").read_bytes()),
        date=entries[SEED_PAGE].date,
        code=entries[PROFILE_PAGE].code,
    )
