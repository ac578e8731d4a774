"""Reads results made elsewhere: a file, or several of one architecture, into runs."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from harness import plugins
from harness.errors import ConfigError, raise_all
from harness.experiment.transports import IMPORTED_TCP, IMPORTED_UNIX
from harness.files import read_regular_file
from harness.imports.consistency import contradictions, impossible_numbers, missing_runs, round_rate_remark
from harness.imports.parts import PartKind, TextPart, mixed_tools, split_parts, unread_lines, unread_output
from harness.imports.text import clean_text, decode_text
from harness.imports.unread import UNREAD
from harness.model import ImportedRun, ImportFormat

UNPACKERS = {
    b"\x1f\x8b": "gunzip",
    b"PK\x03\x04": "unzip",
    b"BZh": "bunzip2",
    b"\xfd7zXZ": "unxz",
    b"(\xb5/\xfd": "unzstd",
}
MAX_IMPORT_BYTES = 250_000_000  # lists of single times are read into memory
INPUT_ADVICE = "Give the path of a file that has a tool's output."
FORMAT_ADVICE = "Give the file as the tool wrote it, whole; barehop list names the formats that can be read."
REPETITION = re.compile(r"(?:[-_. ](?:run|rep|repetition)?[-_.]?\d+)$", re.IGNORECASE)
LOCUST_SUFFIX = re.compile(r"_stats$")
SURE_WORDS = {IMPORTED_TCP: {"tcp"}, IMPORTED_UNIX: {"uds", "unix", "af_unix"}}
LIKELY_WORDS = {
    IMPORTED_TCP: {"port", "loopback", "localhost", "inet"},
    IMPORTED_UNIX: {"socket", "sock", "sharedvolume", "shared", "volume", "combined", "tmpfs"},
}


def read_runs(spec: str | Path) -> tuple[ImportedRun, ...]:
    """Return the runs in a file, given as `[[WHERE/]ARCHITECTURE=]FILE`.

    The default architecture is the one in the file, or that of the file's name: tcp-1.txt is a run of tcp. Remarks of
    the runs report contradictions and unread output. Raise ConfigError for a file that cannot be read.
    """
    where, architecture, file = parse_spec(str(spec))
    readers = plugins.table(ImportFormat)
    parts = split_parts(_read_text(file), [*_read_kinds(readers), *_unread_kinds()])
    runs = _all_runs(file, parts, readers)
    names = {run.architecture for run in runs}
    if architecture and len(names) > 1:
        raise ConfigError(f"{file} has {', '.join(sorted(names))}, which cannot all be {architecture!r}. Give no name.")
    runs = _with_mixed_remark([_without_unanswered(_with_names(run, where, architecture)) for run in runs])
    raise_all((f"{file}: {sentence}" for run in runs for sentence in impossible_numbers(run)), ConfigError)
    return tuple(_with_remarks(runs))


def read_all_runs(specs: Iterable[str | Path]) -> tuple[ImportedRun, ...]:
    """Return the runs of several files, in their order. Raise ConfigError with the problems of all files."""
    runs: list[ImportedRun] = []
    problems: list[str] = []
    for spec in specs:
        try:
            runs += read_runs(spec)
        except ConfigError as error:
            problems.append(str(error))
    raise_all(problems, ConfigError)
    return tuple(runs)


def _read_kinds(readers: dict[str, ImportFormat]) -> Iterator[PartKind]:
    for name, reader in readers.items():
        yield PartKind(name, reader.marks, has_tabs=reader.has_tabs, is_by_line=reader.is_by_line)


def _unread_kinds() -> Iterator[PartKind]:
    for unread in UNREAD:
        yield PartKind(unread.what, unread.marks, is_by_line=unread.is_by_line, is_read=False)


def _read_text(file: Path) -> str:
    raw = read_regular_file(file, MAX_IMPORT_BYTES, INPUT_ADVICE)
    if not raw.strip():
        raise ConfigError(f"{file} is empty. {FORMAT_ADVICE}")
    tool = next((tool for magic, tool in UNPACKERS.items() if raw.startswith(magic)), None)
    if tool:
        raise ConfigError(f"{file} is compressed. Unpack it with {tool}, and give the unpacked file.")
    try:
        return clean_text(decode_text(raw))
    except ValueError as error:
        raise ConfigError(f"{file} is not a text file: {error}. {FORMAT_ADVICE}") from error


def _all_runs(file: Path, parts: Sequence[TextPart], readers: dict[str, ImportFormat]) -> list[ImportedRun]:
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


def _part_runs(file: Path, part: TextPart, readers: dict[str, ImportFormat], position: str) -> list[ImportedRun]:
    assert part.kind
    name = part.kind.name
    try:
        runs = readers[name].read(part.text, ImportedRun(file, name))
    except ValidationError as error:
        raise ConfigError(
            f"{file}{position} is not in the format {name}: {_first_error(error)}. {FORMAT_ADVICE}"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{file}{position} cannot be read as {name}: {error}") from error
    option = readers[name].rate_option
    return [replace(run, remarks=(*run.remarks, *round_rate_remark(run, option))) for run in runs]


def _position(number: int, parts: int) -> str:
    return f" (run {number} of {parts} in it)" if parts > 1 else ""


def _unreadable(file: Path, parts: Sequence[TextPart]) -> str:
    known = {unread.what: unread for unread in UNREAD}
    unread = next((known[part.kind.name] for part in parts if part.kind), None)
    if unread:
        return f"{file} is {unread.what}, which is not read. Instead, {unread.instead}."
    formats = ", ".join(plugins.table(ImportFormat))
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


def _with_names(run: ImportedRun, where: str, architecture: str) -> ImportedRun:
    name = architecture or run.architecture or architecture_of(run.source)
    return replace(run, where=run.where or where, architecture=name, transport=run.transport or transport_of(name))


def _without_unanswered(run: ImportedRun) -> ImportedRun:
    """Return the run without rate and times where no request was answered correctly."""
    if run.requests != 0:
        return run
    kinds = ", ".join(f"{count} {kind}" for kind, count in run.failures.items()) or "none was made"
    remark = f"No request was answered correctly ({kinds}): its rate and times are left out."
    without = replace(run, requests_per_s=None, mean_us=None, percentiles_us={}, latency_us=())
    return replace(without, remarks=(*run.remarks, remark))


def _with_mixed_remark(runs: list[ImportedRun]) -> list[ImportedRun]:
    first, *others = runs
    return [replace(first, remarks=(*first.remarks, *mixed_tools(runs))), *others]


def _with_remarks(runs: Sequence[ImportedRun]) -> Iterator[ImportedRun]:
    missing = missing_runs(runs)
    for run in runs:
        lacking = filter(None, [missing.get((run.where, run.architecture))])
        yield replace(run, remarks=(*run.remarks, *contradictions(run), *lacking))


class ImportSpec(NamedTuple):
    """A file, with the place and the architecture given on the command line; "" where none was."""

    where: str
    architecture: str
    file: Path


def parse_spec(spec: str) -> ImportSpec:
    """Parse `[[WHERE/]ARCHITECTURE=]FILE`. Where a file with the whole name exists, it is the file."""
    name, equals, file = spec.partition("=")
    if not equals or Path(spec).exists():
        return ImportSpec("", "", Path(spec))
    where, _, architecture = name.rpartition("/")
    return ImportSpec(where, architecture, Path(file))


def architecture_of(file: Path) -> str:
    """Return the file's name without a number: "tcp" for tcp-1.txt, tcp_2.csv and tcp_stats.csv."""
    return LOCUST_SUFFIX.sub("", REPETITION.sub("", file.stem)) or file.stem


def transport_of(architecture: str) -> str:
    """Return "tcp" or "uds" by the words of an architecture's name, "" where they match neither or both."""
    words = set(re.findall(r"[a-z0-9]+", architecture.lower().replace("af_unix", "unix")))
    for vocabulary in (SURE_WORDS, LIKELY_WORDS):
        matching = [transport for transport, known in vocabulary.items() if known & words]
        if matching:
            return matching[0] if len(matching) == 1 else ""
    return ""
