"""Reads the runs in files of other load tools, and reports what it leaves out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from harness import plugins
from harness.errors import ConfigError, raise_all
from harness.evidence.foreign.decode import decode
from harness.evidence.foreign.leftover import mixed, unread_lines, unread_output
from harness.evidence.foreign.names import architecture_of, named, transport_of
from harness.evidence.foreign.parts import Kind, Part, parts_of
from harness.evidence.foreign.sense import asked_rate, misfits, nonsense, unbalanced
from harness.evidence.foreign.tidy import tidy
from harness.evidence.foreign.unread import UNREAD
from harness.model import Foreign, Reader
from harness.regular_file import read_regular

FORMATS = "harness.evidence.foreign.formats"
UNPACKERS = {
    b"\x1f\x8b": "gunzip",
    b"PK\x03\x04": "unzip",
    b"BZh": "bunzip2",
    b"\xfd7zXZ": "unxz",
    b"(\xb5/\xfd": "unzstd",
}
MAX_IMPORT_BYTES = 250_000_000  # lists of single times are read into memory
ADVICE = "Give the path of a file that has a tool's output."
FORMAT_ADVICE = "Give the file as the tool wrote it, whole; barehop list names the formats that can be read."


def read_foreign(spec: str | Path) -> tuple[Foreign, ...]:
    """Return the runs in a file, given as `[[WHERE/]ARCHITECTURE=]FILE`.

    The default architecture is the one in the file, or that of the file's name: tcp-1.txt is a run of tcp. Remarks of
    the runs report contradictions and unread output. Raise ConfigError for a file that cannot be read.
    """
    where, architecture, file = named(str(spec))
    readers = {name: plugins.load(FORMATS, name, Reader) for name in plugins.names(FORMATS)}
    parts = parts_of(_read_text(file), [*_read_kinds(readers), *_unread_kinds()])
    runs = _all_runs(file, parts, readers)
    names = {run.architecture for run in runs}
    if architecture and len(names) > 1:
        raise ConfigError(f"{file} has {', '.join(sorted(names))}, which cannot all be {architecture!r}. Give no name.")
    runs = _with_mixed_remark([_without_unanswered(_with_names(run, where, architecture)) for run in runs])
    raise_all((f"{file}: {sentence}" for run in runs for sentence in nonsense(run)), ConfigError)
    return tuple(_with_remarks(runs))


def read_all(specs: Iterable[str | Path]) -> tuple[Foreign, ...]:
    """Return the runs of several files, in their order. Raise ConfigError with the problems of all files."""
    runs: list[Foreign] = []
    problems: list[str] = []
    for spec in specs:
        try:
            runs += read_foreign(spec)
        except ConfigError as error:
            problems.append(str(error))
    raise_all(problems, ConfigError)
    return tuple(runs)


def _read_kinds(readers: dict[str, Reader]) -> Iterator[Kind]:
    for name, reader in readers.items():
        yield Kind(name, reader.marks, has_tabs=reader.has_tabs, is_by_line=reader.is_by_line)


def _unread_kinds() -> Iterator[Kind]:
    for unread in UNREAD:
        yield Kind(unread.what, unread.marks, is_by_line=unread.is_by_line, is_read=False)


def _read_text(file: Path) -> str:
    raw = read_regular(file, MAX_IMPORT_BYTES, ADVICE)
    if not raw.strip():
        raise ConfigError(f"{file} is empty. {FORMAT_ADVICE}")
    tool = next((tool for magic, tool in UNPACKERS.items() if raw.startswith(magic)), None)
    if tool:
        raise ConfigError(f"{file} is compressed. Unpack it with {tool}, and give the unpacked file.")
    try:
        return tidy(decode(raw))
    except ValueError as error:
        raise ConfigError(f"{file} is not a text file: {error}. {FORMAT_ADVICE}") from error


def _all_runs(file: Path, parts: Sequence[Part], readers: dict[str, Reader]) -> list[Foreign]:
    """Return the runs of every part with a format, with remarks on the other parts."""
    readable = [part for part in parts if part.kind and part.kind.is_read]
    if not readable:
        raise ConfigError(_unreadable(file, parts))
    runs = [
        run
        for number, part in enumerate(readable, 1)
        for run in _part_runs(file, part, readers, _position(number, len(readable)))
    ]
    if not runs:
        names = ", ".join(dict.fromkeys(part.kind.name for part in readable if part.kind))
        raise ConfigError(f"{file} holds no run of {names}. {FORMAT_ADVICE}")
    remarks = [
        *unread_output(parts),
        *unread_lines(parts, {name: reader.knows for name, reader in readers.items()}),
    ]
    return [replace(runs[0], remarks=(*runs[0].remarks, *remarks)), *runs[1:]]


def _part_runs(file: Path, part: Part, readers: dict[str, Reader], position: str) -> list[Foreign]:
    assert part.kind
    name = part.kind.name
    try:
        runs = readers[name].read(part.text, Foreign(file, name))
    except ValidationError as error:
        raise ConfigError(
            f"{file}{position} is not in the format {name}: {_first_error(error)}. {FORMAT_ADVICE}"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{file}{position} cannot be read as {name}: {error}") from error
    option = readers[name].rate_option
    return [replace(run, remarks=(*run.remarks, *asked_rate(run, option))) for run in runs]


def _position(number: int, parts: int) -> str:
    return f" (run {number} of {parts} in it)" if parts > 1 else ""


def _unreadable(file: Path, parts: Sequence[Part]) -> str:
    known = {unread.what: unread for unread in UNREAD}
    unread = next((known[part.kind.name] for part in parts if part.kind), None)
    if unread:
        return f"{file} is {unread.what}, which is not read. Instead, {unread.instead}."
    formats = ", ".join(plugins.names(FORMATS))
    first_line = _first_line("".join(part.text for part in parts))
    return (
        f"{file} begins with {first_line!r}, which is no known format, or too little of one. Give it as the tool "
        f"wrote it; these formats can be read: {formats}."
    )


def _first_line(text: str) -> str:
    first = text.strip().split("\n")[0]
    return first if len(first) <= 60 else f"{first[:57]}..."


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    return f"{key}: {first['msg']}" if key else first["msg"]


def _with_names(run: Foreign, where: str, architecture: str) -> Foreign:
    name = architecture or run.architecture or architecture_of(run.source)
    return replace(run, where=run.where or where, architecture=name, transport=run.transport or transport_of(name))


def _without_unanswered(run: Foreign) -> Foreign:
    """Return the run without rate and times where no request was answered correctly."""
    if run.requests != 0:
        return run
    kinds = ", ".join(f"{count} {kind}" for kind, count in run.failures.items()) or "none was made"
    remark = f"No request was answered correctly ({kinds}): its rate and times are left out."
    without = replace(run, requests_per_s=None, mean_us=None, percentiles_us={}, latency_us=())
    return replace(without, remarks=(*run.remarks, remark))


def _with_mixed_remark(runs: list[Foreign]) -> list[Foreign]:
    first, *others = runs
    return [replace(first, remarks=(*first.remarks, *mixed(runs))), *others]


def _with_remarks(runs: Sequence[Foreign]) -> Iterator[Foreign]:
    missing = unbalanced(runs)
    for run in runs:
        lacking = filter(None, [missing.get((run.where, run.architecture))])
        yield replace(run, remarks=(*run.remarks, *misfits(run), *lacking))
