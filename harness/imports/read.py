"""Reads results made elsewhere: a file, or several of one architecture, into runs."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness import plugins
from harness.errors import ConfigError, raise_if_any
from harness.experiment.transports import IMPORTED_TCP, IMPORTED_UNIX
from harness.files import read_regular_file
from harness.imports.consistency import contradictions, impossible_numbers, missing_runs, round_rate_remark
from harness.imports.parts import TextPart, split_parts
from harness.imports.text import clean_text, decode_text
from harness.imports.unread import UNREAD, unread_remarks, unreadable
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
FORMAT_ADVICE = "Give the file as the tool wrote it, whole; barehop list formats names those that can be read."
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
    formats = plugins.table(ImportFormat)
    parts = split_parts(_read_text(file), {name: kind.marks for name, kind in (formats | UNREAD).items()})
    runs = _all_runs(file, parts, formats)
    names = {run.architecture for run in runs}
    if architecture and len(names) > 1:
        raise ConfigError(f"{file} has {', '.join(sorted(names))}, which cannot all be {architecture!r}. Give no name.")
    runs = [_without_unanswered(_with_names(run, where, architecture)) for run in runs]
    raise_if_any((f"{file}: {sentence}" for run in runs for sentence in impossible_numbers(run)), ConfigError)
    of_file = (*unread_remarks(parts, formats), *_mixed_tools(runs))
    missing = missing_runs(runs)
    return tuple(
        replace(
            run,
            remarks=(
                *run.remarks,
                *(of_file if number == 0 else ()),
                *contradictions(run),
                *missing.get((run.where, run.architecture), ()),
            ),
        )
        for number, run in enumerate(runs)
    )


def read_all_runs(specs: Iterable[str | Path]) -> tuple[ImportedRun, ...]:
    """Return the runs of several files, in their order. Raise ConfigError with the problems of all files."""
    runs: list[ImportedRun] = []
    problems: list[str] = []
    for spec in specs:
        try:
            runs += read_runs(spec)
        except ConfigError as error:
            problems.append(str(error))
    raise_if_any(problems, ConfigError)
    return tuple(runs)


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


def _all_runs(file: Path, parts: Sequence[TextPart], formats: Mapping[str, ImportFormat]) -> list[ImportedRun]:
    readable = [part for part in parts if part.name in formats]
    if not readable:
        raise ConfigError(f"{file} {unreadable(parts, formats)}")
    runs: list[ImportedRun] = []
    for number, (name, text) in enumerate(readable, start=1):
        position = f" (run {number} of {len(readable)} in it)" if len(readable) > 1 else ""
        try:
            runs += _part_runs(text, ImportedRun(file, name), formats[name])
        except ValueError as error:
            raise ConfigError(f"{file}{position} cannot be read as {name}: {error}") from error
    if not runs:
        names = ", ".join(dict.fromkeys(part.name for part in readable))
        raise ConfigError(f"{file} holds no run of {names}. {FORMAT_ADVICE}")
    return runs


def _part_runs(text: str, run: ImportedRun, kind: ImportFormat) -> Iterator[ImportedRun]:
    for parsed in kind.read(text, run):
        yield replace(
            parsed,
            failures={failure: count for failure, count in parsed.failures.items() if count},
            remarks=(*parsed.remarks, *round_rate_remark(parsed, kind.rate_option)),
        )


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


def _mixed_tools(runs: Sequence[ImportedRun]) -> Iterator[str]:
    """Yield a sentence where runs of several tools count as runs of one architecture."""
    formats = list(dict.fromkeys(run.format for run in runs))
    if len(formats) > 1 and len({run.architecture for run in runs}) == 1:
        yield (
            f"The file holds runs of {', '.join(formats)}, which count as runs of one architecture here. Use a file "
            "for each tool."
        )


def parse_spec(spec: str) -> tuple[str, str, Path]:
    """Return the place, the architecture and the file of `[[WHERE/]ARCHITECTURE=]FILE`; "" for a missing name.

    Where a file with the whole name exists, it is the file.
    """
    name, equals, file = spec.partition("=")
    if not equals or Path(spec).exists():
        return "", "", Path(spec)
    where, _, architecture = name.rpartition("/")
    return where, architecture, Path(file)


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
