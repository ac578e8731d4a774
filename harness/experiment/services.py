"""Check which settings an arm may have with a url, and which only with a url."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.experiment.arms import merged
from harness.experiment.check import Table
from harness.experiment.document import Document, setting_table
from harness.experiment.wording import Place, Problem
from harness.model import Settings

OF_A_SERVICE = ("authority", "pids", "cgroup", "start")
# Settings of the requests; all others are of stacks that barehop starts.
BESIDE_URL = (
    "url", *OF_A_SERVICE, "method", "host", "headers", "body", "connections", "rate", "p99_limit_ms", "timeout_s",
    "client_keepalive", "placement", "tool", "tool_requests", "tool_seconds",
)  # fmt: skip
SAID_BY_URL = {"path": "the path is a part of the url", "tls": "an https url implies it"}
MOST_ARMS = 1000


@dataclass(frozen=True, slots=True)
class _Arm:
    """An arm with the place of each of its settings in the file."""

    table: str
    settings: Settings
    places: Mapping[str, Place]


def service_problems(document: Document) -> Iterator[Problem]:
    """Yield one problem for each place of the file, for all arms made of it; skip invalid settings."""
    by_place: dict[Place, Problem] = {}
    for arm in itertools.islice(_arms(document), MOST_ARMS) if _has_services(document) else ():
        for problem in _problems(arm):
            by_place.setdefault(problem.place, problem)
    yield from by_place.values()


def _problems(arm: _Arm) -> Iterator[Problem]:
    usual = Settings()
    for key, place in arm.places.items():
        value = getattr(arm.settings, key, None)
        if value == getattr(usual, key, None):
            continue
        if arm.settings.url and key not in BESIDE_URL:
            yield Problem(place, value, _why_not(arm, key))
        elif not arm.settings.url and key in OF_A_SERVICE:
            yield Problem(
                place, value, "is only for a service that is already running: give the arm a url, or leave it out."
            )


def _why_not(arm: _Arm, key: str) -> str:
    name = f"arm {arm.table!r}" if arm.table else "this arm"
    if key in SAID_BY_URL:
        return f"{name} has a url, and {SAID_BY_URL[key]}. Leave it out there."
    return (
        f"{name} has a url: barehop does not start or configure the service behind it. "
        "Leave it out there, or set it only for the other arms."
    )


def _has_services(document: Document) -> bool:
    keys = {*document.arm, *document.factors, *(key for table in document.arms.values() for key in table)}
    return bool(keys & {"url", *OF_A_SERVICE})


def _arms(document: Document) -> Iterator[_Arm]:
    for name, table in (document.arms or {"": {}}).items():
        of_tables = {key: ("arm", key) for key in document.arm} | {key: ("arms", name, key) for key in table}
        for levels in itertools.product(*(list(enumerate(levels)) for levels in document.factors.values())):
            yield _arm(document, name, [document.arm, table], of_tables, levels)


def _arm(
    document: Document,
    name: str,
    tables: Sequence[Table],
    places: Mapping[str, Place],
    levels: Sequence[tuple[int, object]],
) -> _Arm:
    factors = list(zip(document.factors, levels, strict=True))
    of_factors: dict[str, Place] = {key.partition(".")[0]: ("factors", key, number) for key, (number, _) in factors}
    settings = merged([*tables, *(setting_table(key, level) for key, (_, level) in factors)])
    return _Arm(name, settings, {**places, **of_factors})
