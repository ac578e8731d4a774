"""What is sent to every host: the experiment file, its options, and the files that it names."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import harness
from harness.errors import ConfigError
from harness.experiment.document import read_document
from harness.experiment.read import PATH_SETTINGS
from harness.files import file_name
from harness.fleet.archive import pack_sources
from harness.model import JsonModel
from harness.store.files import read_file, read_model
from harness.store.store import Store, create_results_directory
from harness.testbed.machine.directories import private_name

DESCRIPTION, SENT = "fleet.json", "sent"


class FleetOptions(JsonModel):
    """The content of fleet.json: how every host runs the experiment.

    All hosts use a directory of the same name, so that the paths in their results are equal.
    """

    version: str
    config: str  # its file's name
    overrides: tuple[str, ...]  # those of --set, and the places of what is sent
    allow_global: bool
    sent: tuple[str, ...]  # names, below SENT, of files and directories that the experiment names
    directory_name: str


@dataclass(frozen=True, slots=True)
class FleetJob:
    """What a host needs to run the experiment. `archives`: the content of each of `options.sent`, by its name."""

    options: FleetOptions
    document: bytes
    archives: dict[str, bytes]


def create_job(config: Path, overrides: Sequence[str], *, allow_global: bool, sends: bool) -> FleetJob:
    """Return the job of an experiment file. With `sends`, paths that it names are packed. Raises ConfigError."""
    archives: dict[str, bytes] = {}
    places: dict[str, str] = {}
    paths = dict(_path_settings(config, overrides)) if sends else {}
    for path in dict.fromkeys(paths.values()):
        source, folder = Path(path), f"{SENT}/{len(places) + 1}"
        archives[f"{len(places) + 1}.tar.gz"] = pack_sources(source)
        places[path] = f"{folder}/{source.name}" if source.is_file() else folder
    described = FleetOptions(
        version=harness.__version__,
        config=file_name(config.name),
        overrides=(*overrides, *(f"{key}={json.dumps(places[path])}" for key, path in paths.items())),
        allow_global=allow_global,
        sent=tuple(archives),
        directory_name=private_name(),
    )
    return FleetJob(described, config.read_bytes(), archives)


def create_fleet_directory(job: FleetJob, results: Path, chosen: Path | None) -> Path:
    """Create the directory of a fleet's results, and write the job there. Raises MachineError."""
    directory = create_results_directory(results, f"{Path(job.options.config).stem}-fleet", chosen)
    (directory / "sessions").rmdir()  # it has runs, and is none
    store = Store(directory)
    for name, content in job.archives.items():
        store.write_bytes(f"{SENT}/{name}", content)
    store.write_bytes(job.options.config, job.document)
    store.write_json(DESCRIPTION, job.options)
    return directory


def read_job(directory: Path) -> FleetJob:
    """Return the job of a fleet's results. Raises ConfigError."""
    path = directory / DESCRIPTION
    if not path.exists():
        raise ConfigError(f"{directory} holds no results of a fleet: there is no {DESCRIPTION} in it.")
    options = read_model(path, FleetOptions, "forbid")
    if options.version != harness.__version__:
        raise ConfigError(
            f"{directory} was begun by barehop {options.version}, and this is {harness.__version__}. Continue it with "
            "that version, or begin anew."
        )
    archives = {name: read_file(directory / SENT / file_name(name)) for name in options.sent}
    return FleetJob(options, read_file(directory / file_name(options.config)), archives)


def _path_settings(config: Path, overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the key, as for --set, and the value of each path that the experiment names."""
    document = read_document(config, overrides)
    if factors := [name for name in PATH_SETTINGS if name in document.factors]:
        raise ConfigError(
            f"The levels of [factors] {factors[0]} are not sent to hosts. Write an [arms.NAME] for each, or copy them "
            "to the same paths on all hosts and give --app-there."
        )
    tables = {"arm": document.arm, **{f"arms.{json.dumps(name)}": table for name, table in document.arms.items()}}
    for place, table in tables.items():
        yield from ((f"{place}.{name}", table[name]) for name in PATH_SETTINGS if table.get(name))
