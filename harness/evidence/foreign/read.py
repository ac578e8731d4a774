"""From files of other load tools to runs: finds each file's format, and says in sentences what does not add up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from harness import plugins
from harness.errors import ConfigError, raise_all
from harness.evidence.foreign.names import architecture_of, named, transport_of
from harness.evidence.foreign.sense import misfits, nonsense, unbalanced
from harness.model import Foreign, Reader

FORMATS = "harness.evidence.foreign.formats"
WAY_OUT = "Give the file as the tool wrote it, whole; barehop list names the formats that can be read."


def read_foreign(spec: str | Path) -> tuple[Foreign, ...]:
    """The runs in a file, given as `[[WHERE/]ARCHITECTURE=]FILE`: one, or more where the file has more.

    Without a name the file's own counts, or else that of the file: tcp-1.txt is a run of tcp. What in a file does not
    add up is in the runs' remarks. Raises ConfigError, with one sentence on what was seen and the way out.
    """
    where, architecture, file = named(str(spec))
    name, reader, text = _recognised(file)
    try:
        runs = reader.read(text, Foreign(file, name))
    except ValidationError as error:
        raise ConfigError(f"{file} is not what {name} looks like: {_first(error)}. {WAY_OUT}") from error
    except ValueError as error:
        raise ConfigError(f"{file} cannot be read as {name}: {error}") from error
    if not runs:
        raise ConfigError(f"{file} holds no run of {name}. {WAY_OUT}")
    told = {run.architecture for run in runs}
    if architecture and len(told) > 1:
        raise ConfigError(f"{file} has {', '.join(sorted(told))}, which cannot all be {architecture!r}. Give no name.")
    titled = [_answered(_titled(run, where, architecture)) for run in runs]
    raise_all((f"{file}: {sentence}" for run in titled for sentence in nonsense(run)), ConfigError)
    return tuple(_remarked(titled))


def read_all(specs: Iterable[str | Path]) -> tuple[Foreign, ...]:
    """The runs of several files, in their order. Raises ConfigError with what is wrong with all of them."""
    runs: list[Foreign] = []
    problems: list[str] = []
    for spec in specs:
        try:
            runs += read_foreign(spec)
        except ConfigError as error:
            problems.append(str(error))
    raise_all(problems, ConfigError)
    return tuple(runs)


def _recognised(file: Path) -> tuple[str, Reader, str]:
    text = _text(file)
    for name in plugins.names(FORMATS):
        reader = plugins.load(FORMATS, name, Reader)
        if reader.recognises(text):
            return name, reader, text
    known = ", ".join(plugins.names(FORMATS))
    raise ConfigError(
        f"{file} begins with {_beginning(text)!r}, which is no format that can be read, or too little of one. Give it "
        f"as the tool wrote it; these can be read: {known}."
    )


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}). Give the path of a tool's output.") from error
    if not raw.strip():
        raise ConfigError(f"{file} is empty. {WAY_OUT}")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is no text: byte {error.start} is {raw[error.start]:#04x}. {WAY_OUT}") from error


def _beginning(text: str) -> str:
    first = text.strip().split("\n")[0]
    return first if len(first) <= 60 else f"{first[:57]}..."


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _titled(run: Foreign, where: str, architecture: str) -> Foreign:
    name = architecture or run.architecture or architecture_of(run.source)
    return replace(run, where=run.where or where, architecture=name, transport=run.transport or transport_of(name))


def _answered(run: Foreign) -> Foreign:
    """Without a right answer there is nothing of which rate and times could be those."""
    if run.requests != 0:
        return run
    kinds = ", ".join(f"{count} {kind}" for kind, count in run.failures.items()) or "none was made"
    remark = f"No request was answered right ({kinds}): its rate and times are left out."
    without = replace(run, requests_per_s=None, mean_us=None, percentiles_us={}, latency_us=())
    return replace(without, remarks=(*run.remarks, remark))


def _remarked(runs: Sequence[Foreign]) -> Iterator[Foreign]:
    missing = unbalanced(runs)
    for run in runs:
        lacking = filter(None, [missing.get((run.where, run.architecture))])
        yield replace(run, remarks=(*run.remarks, *misfits(run), *lacking))
