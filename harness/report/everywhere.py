"""The answer where a comparison has the same verdict under every other setting."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.model import ArmSummary, Comparison, Settings, Summary
from harness.report.wording import by, percent_of

MIN_CASES = 3
DECIDED = ("faster", "slower")
PLAIN = (bool, int, float, str)
DEFAULTS = Settings().model_dump(mode="json")
SELF_EXPLANATORY = "transport"  # the setting whose values need no name before them


@dataclass(frozen=True, slots=True)
class SettingChange:
    """The only setting in which an arm differs from its reference, with both values."""

    setting: str
    reference_value: str
    value: str


def everywhere(summary: Summary, comparisons: Sequence[Comparison]) -> str:
    """Return `uds-tmpfs is faster than tcp in all 8 cases, by 6.9 % (...) at 2/split to ...`, or nothing.

    All comparisons must change the same setting and have one verdict, each in another case, which the arms' names give.
    """
    changes = {_setting_change(summary.arms, comparison) for comparison in comparisons}
    cases = {_case(comparison) for comparison in comparisons}
    verdicts = {comparison.verdict for comparison in comparisons}
    if len(comparisons) < MIN_CASES or len(changes) != 1 or len(cases) != len(comparisons) or len(verdicts) != 1:
        return ""
    (change,), (verdict,) = changes, verdicts
    is_complete = "" not in cases and all(percent_of(comparison) for comparison in comparisons)
    if change is None or verdict not in DECIDED or not is_complete:
        return ""
    subject, reference = (_setting_text(change.setting, text) for text in (change.value, change.reference_value))
    least, *_, most = sorted(comparisons, key=lambda comparison: abs(comparison.percent or 0.0))
    sizes = f"{_size_in_case(least, named=True)} to {_size_in_case(most, named=False).removeprefix('by ')}"
    return f"{subject} is {verdict} than {reference} in all {len(comparisons)} cases, {sizes}."


def _setting_change(arms: Mapping[str, ArmSummary], comparison: Comparison) -> SettingChange | None:
    """Return None where several settings differ, or one with values that are not plain."""
    ours, theirs = (dict(_flat_settings(arms[name].settings)) for name in (comparison.arm, comparison.against))
    differing = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    if len(differing) != 1:
        return None
    values = [settings.get(differing[0]) for settings in (theirs, ours)]
    if not all(isinstance(value, PLAIN) and "/" not in str(value) for value in values):
        return None
    return SettingChange(differing[0], *(json.dumps(value).strip('"') for value in values))


def _flat_settings(settings: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield every setting, with its default where none is given, and every knob by itself."""
    for key, value in {**DEFAULTS, **settings}.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{name}", inside) for name, inside in value.items())
        else:
            yield key, value


def _case(comparison: Comparison) -> str:
    """Return what the two arms' names have in common if one part differs, else nothing."""
    ours, theirs = (name.split("/") for name in (comparison.arm, comparison.against))
    differing = [index for index, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b]
    if len(ours) != len(theirs) or len(differing) != 1:
        return ""
    return "/".join(part for index, part in enumerate(theirs) if index != differing[0])


def _setting_text(setting: str, value: str) -> str:
    return value if setting == SELF_EXPLANATORY else f"{setting} = {value}"


def _size_in_case(comparison: Comparison, *, named: bool) -> str:
    """Return `by 6.9 % (3.6 to 10.2) at 2/split`."""
    estimate = percent_of(comparison)
    assert estimate is not None  # the caller has looked
    return f"{by(estimate, named=named)} at {_case(comparison)}"
