"""Make the arms of an experiment from its factors, named arms and services; and group those that share a stack."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.experiment.document import Document, setting_table
from harness.experiment.problems import ConfigProblem, KeyPath, TomlTable, to_toml, valid_subset
from harness.experiment.transports import is_in_sockmap, socket_protocol
from harness.model import Arm, Design, Experiment, Settings
from harness.model.settings import (
    AppProcessSettings,
    NetworkSettings,
    ProcessSettings,
    ServiceSettings,
    SettingGroup,
    StackSettings,
)

CONTROL = "control"
MAX_NAME_LENGTH = 100
IMPLIED_BY_URL = {"path": "the path is a part of the url", "tls": "an https url implies it"}
NOT_WITH_URL = StackSettings.model_fields.keys() | IMPLIED_BY_URL.keys()
MAX_CHECKED_ARMS = 1000
MAX_PENDING_REQUESTS = 1000  # pending requests of an open-loop client
MAX_IDLE_CONNECTIONS = 32  # idle connections of an open-loop arm between visits: a stall opens hundreds
SERVER_FILES = 96  # logs, libraries, listening sockets, counters
CONNECTIONS_PER_REQUEST = 2  # connections of a request at nginx: to the client and to the application


@dataclass(frozen=True, slots=True)
class ArmSource:
    """The settings that the file gives to an arm, and the place of each of them there."""

    name: str
    table: str  # of [arms.*]; "" without one
    settings: Settings
    places: Mapping[str, KeyPath]


def arm_sources(document: Document) -> Iterator[ArmSource]:
    """Yield the product of `[arms.*]` and `[factors]`, each on top of `[arm]`, without invalid settings."""
    numbered = [list(enumerate(levels)) for levels in document.factors.values()]
    for name, table in (document.arms or {"": {}}).items():
        places: dict[str, KeyPath] = {key: ("arm", key) for key in document.arm}
        places |= {key: ("arms", name, key) for key in table}
        for levels in itertools.product(*numbered):
            factors = dict(zip(document.factors, levels, strict=True))
            names = [name, *(level_name(level) for _, level in levels)]
            tables = [setting_table(key, level) for key, (_, level) in factors.items()]
            yield ArmSource(
                name="/".join(filter(None, names)) or document.name,
                table=name,
                settings=merge_settings([document.arm, table, *tables]),
                places=places
                | {key.partition(".")[0]: ("factors", key, number) for key, (number, _) in factors.items()},
            )


def arms_of(document: Document) -> list[Arm]:
    """Return the arms of a file without a screen."""
    return [Arm(name=source.name, settings=source.settings) for source in arm_sources(document)]


def merge_settings(tables: Iterable[TomlTable]) -> Settings:
    """Merge tables into settings: later ones override earlier ones; knobs and headers are merged key by key."""
    settings: TomlTable = {}
    for table in tables:
        for key, value in valid_subset(Settings, table).model_dump(exclude_unset=True).items():
            earlier = settings.get(key)
            settings[key] = earlier | value if isinstance(earlier, dict) and isinstance(value, dict) else value
    return Settings.model_validate(settings)


def level_name(level: object) -> str:
    """Return a level as it appears in an arm's name: `16`, `true`, `bytes/100` for /bytes/100, `nginx=1,app=2+3`."""
    if isinstance(level, Mapping):
        return ",".join(f"{key}={level_name(inside)}" for key, inside in level.items()) or "none"
    if isinstance(level, list):
        return "+".join(map(level_name, level))
    text = level if isinstance(level, str) else json.dumps(level, default=str)
    return text.strip("/") or ("root" if text else "default")


def name_problems(names: Sequence[str]) -> Iterator[str]:
    """Yield problems of the names of arms: too few, duplicate, reserved or malformed."""
    if len(names) == 1:
        yield f"There is only one arm, {names[0]!r}: a comparison needs two. Add [arms.*] tables or [factors]."
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield (
            f"More than one arm is called {name!r}. Give each table of [arms.*] its own name, "
            "and each factor distinct levels."
        )
    if CONTROL in names:
        yield f"arms.{CONTROL}: this name is reserved for the copy of the reference arm. Choose another name."
    for name in dict.fromkeys(names):
        if not _is_valid_name(name):
            yield (
                f"An arm is called {to_toml(name)}. Choose a name of at most {MAX_NAME_LENGTH} printable characters, "
                'without "/" at its ends and without ".."; write arms of factors as tables of [arms.*] to name them.'
            )


def _is_valid_name(name: str) -> bool:
    """Return whether `name` can be used in nginx.conf, in tables and as a directory."""
    return len(name) <= MAX_NAME_LENGTH and name.isprintable() and name == name.strip(" /") and ".." not in name


def service_problems(document: Document) -> Iterator[ConfigProblem]:
    """Yield one problem for each place of the file, for all arms made of it; skip invalid settings."""
    keys = {*document.arm, *document.factors, *(key for table in document.arms.values() for key in table)}
    if keys.isdisjoint(ServiceSettings.model_fields):
        return
    by_place: dict[KeyPath, ConfigProblem] = {}
    for source in itertools.islice(arm_sources(document), MAX_CHECKED_ARMS):
        for problem in _service_conflicts(source):
            by_place.setdefault(problem.place, problem)
    yield from by_place.values()


def _service_conflicts(source: ArmSource) -> Iterator[ConfigProblem]:
    usual = Settings()
    for key, place in source.places.items():
        value = getattr(source.settings, key, None)
        if value == getattr(usual, key, None):
            continue
        if source.settings.url and key in NOT_WITH_URL:
            yield ConfigProblem(place, value, _url_conflict(source.table, key))
        elif not source.settings.url and key in ServiceSettings.model_fields:
            text = "is only for a service that is already running: give the arm a url, or leave it out."
            yield ConfigProblem(place, value, text)


def _url_conflict(table: str, key: str) -> str:
    name = f"arm {table!r}" if table else "this arm"
    if key in IMPLIED_BY_URL:
        return f"{name} has a url, and {IMPLIED_BY_URL[key]}. Leave it out there."
    return (
        f"{name} has a url: barehop does not start or configure the service behind it. "
        "Leave it out there, or set it only for the other arms."
    )


def stacks_of(experiment: Experiment) -> tuple[tuple[Arm, ...], ...]:
    """Return the arms of each stack: those with equal process settings, or each arm alone if `processes` is "separate".

    A server other than gunicorn listens on one address, so its arms have the same transport, too. Servers with a
    sockmap serve no other transport, and an nginx makes sockets of one protocol. What the app speaks on the hop is the
    same. Arms with a url have no stack. The order of arms in a stack is that of its ports, upstreams and sockets.
    """
    groups: dict[str, list[Arm]] = {}
    for arm in experiment.arms:
        if not arm.settings.url:
            groups.setdefault(_process_key(arm, experiment.design), []).append(arm)
    return tuple(map(_order_arms, groups.values()))


def shares_processes(experiment: Experiment) -> bool:
    """Return whether the arms of each comparison are served by the same processes of ours."""
    stacks = [{arm.name for arm in stack} for stack in stacks_of(experiment)]
    return all(any({*pair} <= stack for stack in stacks) for pair in experiment.pairs)


def services_of(experiment: Experiment) -> tuple[Arm, ...]:
    """Return the arms with a url."""
    return tuple(arm for arm in experiment.arms if arm.settings.url)


def app_settings_key(arm: Arm, design: Design) -> str:
    """Return a text that is equal for arms whose settings allow their stacks to share a gunicorn.

    A CPU quota counts for each stack, so that its throttling can be told apart. Other servers belong to one stack; so
    does a gunicorn with a sockmap, which must make its sockets itself, in its control group.
    """
    if _has_one_transport(arm.settings):
        return _process_key(arm, design)
    if arm.settings.cpu_quota:
        return f"{_settings_key(arm, design, [AppProcessSettings, NetworkSettings])} {_hop_key(arm)}"
    return _settings_key(arm, design, [AppProcessSettings])


def _process_key(arm: Arm, design: Design) -> str:
    return f"{_settings_key(arm, design, [ProcessSettings])} {_hop_key(arm)}"


def _hop_key(arm: Arm) -> str:
    transport = arm.settings.transport
    return transport if _has_one_transport(arm.settings) else str(socket_protocol(transport) or "")


def _has_one_transport(settings: Settings) -> bool:
    """Return whether the servers of the arm serve no arm with another transport."""
    return not settings.has_gunicorn or is_in_sockmap(settings.transport)


def _settings_key(arm: Arm, design: Design, groups: Iterable[type[SettingGroup]]) -> str:
    """Return the settings of `groups` and what the app speaks; the arm's name if its processes are its own."""
    alone = "separate" in (design.processes, arm.settings.processes)
    keys = {key for group in groups for key in group.model_fields}
    return arm.name if alone else f"{arm.settings.app_speaks} {arm.settings.model_dump(include=keys)}"


def _order_arms(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    return tuple(reversed(arms) if arms[0].settings.processes == "swapped" else arms)


def server_files(arms: Sequence[Arm]) -> int:
    """The files that nginx, which has both ends of every connection, opens for the `arms` of one stack.

    Each arm has a listening socket of its own.
    """
    return SERVER_FILES + len(arms) + CONNECTIONS_PER_REQUEST * open_connections(arms)


def open_connections(arms: Sequence[Arm]) -> int:
    """Return the most open connections: those that all arms keep between visits, plus those that one arm adds."""
    kept = sum(_client_keeps(arm.settings) + arm.settings.upstream_keepalive for arm in arms)
    return kept + max((max_pending_requests(arm.settings) - _client_keeps(arm.settings) for arm in arms), default=0)


def max_pending_requests(settings: Settings) -> int:
    """Return the largest number of pending requests of an arm."""
    return MAX_PENDING_REQUESTS if _is_paced(settings) else settings.connections


def _client_keeps(settings: Settings) -> int:
    if not settings.client_keepalive:
        return 0
    return MAX_IDLE_CONNECTIONS if _is_paced(settings) else settings.connections


def _is_paced(settings: Settings) -> bool:
    return bool(settings.rate or settings.p99_limit_ms)
